"""Bytes → RGB pixels: the only place where image files are opened, for upload checks, serving and training alike."""

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from classifier.detector.errors import UnreadableImage

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = 250_000_000  # Pillow refuses twice that at once; our own limits are checked before decoding

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Pillow format names that are read. A JPEG with further pictures behind it (many phones) is reported as MPO."""

Source = str | Path | IO[bytes] | bytes


@dataclass(frozen=True)
class Limits:
    """What is accepted. Pixels are counted as width × height before decoding, so that bombs are never unpacked.

    megapixels: the largest JPEG; above `whole` it is decoded at 1/2 … 1/8 of its size. Other formats, which
    can't be, may have `whole`; progressive JPEGs, whose coefficients are all kept while decoding, `progressive`.
    """

    megapixels: float = 200
    smallest_side: int = 32
    whole: float = 64
    progressive: float = 110


@dataclass(frozen=True)
class Header:
    """What the header of a file says; sizes in pixels, before EXIF orientation."""

    format: str
    width: int
    height: int


def read_header(source: Source, limits: Limits = Limits()) -> Header:
    """Identify a file by its content and check its size in pixels, without decoding it.

    Raises UnreadableImage with code `empty`, `format`, `too_small` or `too_many_pixels`.
    """
    with _open(source, limits) as image:
        return Header(image.format or "", image.width, image.height)


def verify(source: Source, limits: Limits = Limits()) -> Header:
    """As `read_header`, and decode every byte once (JPEG at 1/8 scale: little memory, all of the stream is read).

    Raises UnreadableImage with the codes of `read_header`, or `damaged`.
    """
    with _open(source, limits) as image:
        header = Header(image.format or "", image.width, image.height)
        image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
        _load(image)
    return header


def read_rgb(source: Source, limits: Limits = Limits()) -> Image.Image:
    """Decode the first frame to an upright 8-bit RGB image (mode "RGB", width × height as displayed, smaller by a power
    of two where a JPEG has more than `limits.whole` megapixels).

    EXIF orientation is applied first; 16-bit values are scaled, alpha is laid over white. Raises UnreadableImage.
    """
    with _open(source, limits) as image:
        _scale_down(image, limits)
        _load(image)
        try:
            return to_rgb(ImageOps.exif_transpose(image))
        except (OSError, ValueError, SyntaxError, TypeError, KeyError) as error:  # broken EXIF, odd modes
            raise UnreadableImage("damaged", f"the picture could not be converted ({error})") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode → "RGB": 16-bit and float data scaled to 0–255, transparency composited over white."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0, neginf=0)
        scaled = np.clip(values / _white(values, image.mode == "F"), 0, 1)
        return Image.fromarray((scaled * 255 + 0.5).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _white(values: np.ndarray, real: bool) -> float:
    """The value that stands for white. Real numbers run to 1, with a few highlights beyond, unless most of them are
    larger."""
    if real and float(np.quantile(values[:: max(1, values.shape[0] // 512)], 0.99)) <= 1.5:
        return 1.0
    return 65535.0 if values.max(initial=0) > 255 else 255.0


def _scale_down(image: Image.Image, limits: Limits) -> None:
    """Let a JPEG that is too large to be unpacked whole be decoded at half, a quarter or an eighth of its size."""
    scale = 1
    while image.width * image.height / scale**2 > limits.whole * 1_000_000 and scale < 8:
        scale *= 2
    if scale > 1:
        image.draft("RGB", (image.width // scale, image.height // scale))


def _open(source: Source, limits: Limits) -> Image.Image:
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            # Pillow only warns up to twice its own limit; our limit is checked below, before any decoding.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(stream, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise UnreadableImage("too_many_pixels", f"it has more than {limits.megapixels:g} megapixels") from error
    except UnidentifiedImageError as error:
        raise _not_an_image(stream) from error
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise UnreadableImage("missing", f"it could not be opened ({error.strerror})") from error
    except Exception as error:  # Pillow's parsers raise OSError, SyntaxError, ValueError, struct.error, IndexError …
        raise UnreadableImage("damaged", "the file is damaged or incomplete") from error
    _check_size(image, limits)
    return image


OTHER_FORMATS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"II\xbc\x01", "a JPEG XR picture"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"II*\x00\x10\x00\x00\x00CR", "a camera's raw file"),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (0, b"IIU\x00", "a camera's raw file"),
    (0, b"IIRO", "a camera's raw file"),
    (4, b"ftypcrx ", "a camera's raw file"),
    (4, b"ftypqt", "a video"),
    (4, b"ftypisom", "a video"),
    (4, b"ftypmp42", "a video"),
    (0, b"II*\x00", "a TIFF of a kind we can't decode"),
    (0, b"MM\x00*", "a TIFF of a kind we can't decode"),
)
"""(where, bytes, what it is) of files that people send and we don't decode."""
RAW_TAGS = (50706, 50740)  # DNGVersion, DNGPrivateData
REDUCED = 254  # NewSubfileType: 1 means that the first picture is a preview of another one


def _not_an_image(stream: str | Path | IO[bytes]) -> UnreadableImage:
    if isinstance(stream, str | Path):
        with Path(stream).open("rb") as file:
            begin = file.read(64)
    else:
        stream.seek(0)
        begin = stream.read(64)
    if not begin:
        return UnreadableImage("empty", "the file is empty")
    for at, mark, name in OTHER_FORMATS:
        if begin[at : at + len(mark)] == mark:
            return UnreadableImage("format", f"it is {name}, which we can't read; export it as JPEG")
    return UnreadableImage("format", "it is not an image in a format we read")


def _check_size(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    largest, kind = _largest(image, limits)
    if width * height > largest * 1_000_000:
        image.close()
        has = math.ceil(width * height / 100_000) / 10
        raise UnreadableImage("too_many_pixels", f"it has {has:.1f} megapixels; the limit {kind}is {largest:g}")
    if min(width, height) < limits.smallest_side:
        image.close()
        raise UnreadableImage(
            "too_small", f"it is {width} × {height} pixels; each side must have at least {limits.smallest_side}"
        )
    if image.format == "TIFF" and _is_raw(image):
        image.close()
        raise UnreadableImage("format", "it is a camera's raw file, which we can't read; export it as JPEG")


def _largest(image: Image.Image, limits: Limits) -> tuple[float, str]:
    """The limit in megapixels for a picture of this kind, and the words for the kind."""
    if image.format not in ("JPEG", "MPO"):
        return min(limits.whole, limits.megapixels), "for this format "
    if image.info.get("progressive"):
        return min(limits.progressive, limits.megapixels), "for progressive JPEGs "
    return limits.megapixels, ""


def _is_raw(image: Image.Image) -> bool:
    """DNG and other raw files of TIFF's family begin with a preview that is no picture to judge."""
    tags = getattr(image, "tag_v2", {})
    return any(tag in tags for tag in RAW_TAGS) or (tags.get(REDUCED) == 1 and 330 in tags)


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except MemoryError as error:
        raise UnreadableImage("damaged", "the picture needs more memory than there is") from error
    except Exception as error:  # as above
        raise UnreadableImage("damaged", "the file is damaged or incomplete") from error
