"""Whatever bytes come, the answer is a picture or a sentence; never another error, never a picture over the limits."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import Limits, read_header, read_rgb, verify
from tests.pictures import encoded, jpeg, photo

SEEDS = {
    "JPEG": jpeg(1, 64, 48),
    "PNG": encoded(photo(64, 48, 2), "PNG"),
    "GIF": encoded(photo(64, 48, 3).convert("P"), "GIF"),
    "WEBP": encoded(photo(64, 48, 4), "WEBP"),
    "BMP": encoded(photo(64, 48, 5), "BMP"),
    "TIFF": encoded(photo(64, 48, 6), "TIFF"),
    "AVIF": encoded(photo(64, 48, 7), "AVIF"),
    "HEIF": encoded(photo(64, 48, 8), "HEIF"),
}
LIMITS = Limits(megapixels=1, smallest_side=8)
bounded = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def answer(content):
    """The picture's size, or None with the rule that was broken checked."""
    try:
        verify(content, LIMITS)
        return read_rgb(content, LIMITS).size
    except UnreadableImage as error:
        assert error.code in ("empty", "format", "damaged", "too_small", "too_many_pixels")
        assert str(error)
        return None


@pytest.mark.parametrize("format", SEEDS)
def test_the_seeds_are_read(format):
    assert read_header(SEEDS[format], LIMITS).format == format
    assert verify(SEEDS[format], LIMITS) == read_header(SEEDS[format], LIMITS)
    assert answer(SEEDS[format]) == (64, 48)


@bounded
@given(
    st.sampled_from(sorted(SEEDS)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12)
)
def test_flipped_bytes(format, changes):
    content = bytearray(SEEDS[format])
    for place, value in changes:
        content[int(place * (len(content) - 1))] = value
    size = answer(bytes(content))
    assert size is None or (min(size) >= 8 and size[0] * size[1] <= 1_000_000)


@bounded
@given(st.sampled_from(sorted(SEEDS)), st.floats(0, 1), st.binary(max_size=64))
def test_cut_and_appended(format, share, tail):
    content = SEEDS[format]
    answer(content[: int(share * len(content))] + tail)
    assert answer(content + tail) in ((64, 48), None)


@bounded
@given(
    st.binary(max_size=400),
    st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\x00", b"RIFF\x00\x00\x00\x00WEBP"]
    ),
)
def test_noise_behind_any_signature(noise, signature):
    size = answer(signature + noise)
    assert size is None or size[0] * size[1] <= 1_000_000


def test_a_missing_path_and_a_folder_are_said(tmp_path):
    for path in (tmp_path / "nowhere.jpg", tmp_path):
        with pytest.raises(UnreadableImage, match="could not be opened") as caught:
            read_rgb(path)
        assert caught.value.code == "missing"


def test_a_huge_jpeg_is_decoded_at_a_smaller_scale_and_nothing_but_a_bomb_is_refused():
    content = encoded(Image.new("RGB", (1600, 1200), "grey"), "JPEG")
    assert read_rgb(content, Limits(megapixels=2, whole=0.5)).size == (800, 600)
    assert read_rgb(content, Limits(megapixels=2, whole=0.05)).size == (200, 150)
    assert verify(content, Limits(megapixels=2, whole=0.5)).width == 1600
    with pytest.raises(UnreadableImage, match=r"it has 2\.0 megapixels; the limit is 1\.9"):
        read_rgb(content, Limits(megapixels=1.9))


def test_what_cannot_be_scaled_while_decoding_has_a_smaller_limit_that_is_said():
    png = encoded(Image.new("RGB", (1600, 1200)), "PNG")
    with pytest.raises(UnreadableImage, match=r"the limit for this format is 0\.5"):
        read_rgb(png, Limits(megapixels=2, whole=0.5))
    progressive = encoded(Image.new("RGB", (1600, 1200)), "JPEG", progressive=True)
    with pytest.raises(UnreadableImage, match="the limit for progressive JPEGs is 1"):
        read_rgb(progressive, Limits(megapixels=2, progressive=1))


def test_a_limit_never_seems_to_be_kept():
    content = encoded(Image.new("RGB", (1001, 1000)), "JPEG")
    with pytest.raises(UnreadableImage, match=r"it has 1\.1 megapixels; the limit is 1"):
        read_rgb(content, LIMITS)


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_float_pictures_look_like_their_8_bit_copies(top):
    grey = np.asarray(photo(64, 48).convert("L"))
    real = Image.fromarray((grey / 255 * top).astype(np.float32))
    shown = np.asarray(read_rgb(encoded(real, "TIFF"), LIMITS).convert("L"), float)
    assert abs(shown - grey).max() <= 2


@pytest.mark.parametrize(
    ("begin", "name"),
    [
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"8BPS\0\x01", "Photoshop"),
        (b"\0\0\0\x18ftypcrx ", "raw file"),
        (b"\0\0\0\x18ftypisom", "video"),
    ],
)
def test_other_formats_are_refused_by_name(begin, name):
    with pytest.raises(UnreadableImage, match=name) as caught:
        read_rgb(begin + bytes(200), LIMITS)
    assert caught.value.code == "format"


def test_a_raw_file_of_tiffs_family_is_not_judged_by_its_preview():
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[50706] = b"\x01\x04\x00\x00"
    with pytest.raises(UnreadableImage, match="raw file"):
        read_rgb(encoded(photo(64, 48), "TIFF", tiffinfo=info), LIMITS)
