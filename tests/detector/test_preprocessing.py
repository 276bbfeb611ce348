import numpy as np
import pytest

from classifier.detector.images.decoding import read_rgb, to_rgb
from classifier.detector.images.preprocessing import Preprocessing, prepare, prepare_one, reencode, scale_down
from classifier.detector.training.augmentation import augment, blur, compress, erase, jitter, rescale, zoom
from tests.pictures import encoded, photo

CROPS = Preprocessing(view="crops", size=32, grid=3, jpeg_quality=None)


def test_crops_are_native_pixels_at_the_corners_and_between():
    image = photo(100, 70)
    views = prepare(image, CROPS)
    pixels = np.asarray(image)
    assert views.shape == (9, 32, 32, 3) and views.dtype == np.uint8
    assert np.array_equal(views[0], pixels[:32, :32])
    assert np.array_equal(views[8], pixels[-32:, -32:])
    assert np.array_equal(views[4], pixels[19:51, 34:66])


def test_training_takes_one_crop_at_a_random_place():
    image = photo(100, 70)
    one, two = (prepare_one(image, CROPS, np.random.default_rng(seed), whole=False) for seed in (1, 2))
    assert one.shape == (1, 32, 32, 3) and not np.array_equal(one, two)


@pytest.mark.parametrize("size", [(20, 200), (31, 31), (32, 32), (1000, 33)])
def test_any_size_gives_full_crops(size):
    assert prepare(photo(*size), CROPS).shape == (9, 32, 32, 3)


def test_the_whole_view_is_one_square():
    assert prepare(photo(100, 70), Preprocessing(view="whole", size=32, jpeg_quality=None)).shape == (1, 32, 32, 3)


def test_reencoding_is_the_same_for_one_crop_and_for_many():
    squares = prepare(photo(200, 200), CROPS)
    together = reencode(squares, 90)
    assert not np.array_equal(together, squares)
    assert np.array_equal(together, np.concatenate([reencode(square[None], 90) for square in squares]))


def test_training_and_serving_read_one_file_alike(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(photo(32, 32), quality=90))
    spec = Preprocessing(view="crops", size=32, grid=1, jpeg_quality=90)
    serving = prepare(read_rgb(path.read_bytes()), spec)
    training = prepare_one(read_rgb(path), spec, np.random.default_rng(0), whole=False)
    assert np.array_equal(serving, training)


def test_the_scaled_down_picture_of_a_dataset_is_what_serving_makes_of_the_original():
    spec = Preprocessing(view="both", size=32, grid=2, jpeg_quality=90)
    original = photo(500, 300)
    assert np.array_equal(prepare(original, spec), prepare(original, spec, scale_down(original)))
    assert np.array_equal(
        prepare(original, spec)[:1], prepare_one(scale_down(original), spec, np.random.default_rng(0), whole=True)
    )


def test_thumbnails_are_not_blown_up_before_they_are_shrunk():
    thumbnail = photo(32, 32)
    assert scale_down(thumbnail) is thumbnail
    spec = Preprocessing(view="whole", size=32, jpeg_quality=None)
    assert np.array_equal(prepare(thumbnail, spec)[0], np.asarray(thumbnail))


@pytest.mark.parametrize(("view", "grid", "count"), [("crops", 3, 9), ("whole", 1, 1), ("both", 2, 5)])
def test_every_view_has_its_weight(view, grid, count):
    spec = Preprocessing(view=view, size=32, grid=grid)
    assert prepare(photo(100, 70), spec).shape == (count, 32, 32, 3)
    assert spec.weights.shape == (count,) and spec.weights.sum() == pytest.approx(1)


def test_sixteen_bits_keep_their_range():
    from PIL import Image

    ramp = Image.fromarray(np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(40, 0))
    values = np.asarray(to_rgb(ramp))[0, :, 0]
    assert values[0] == 0 and values[-1] == 255 and abs(int(values[128]) - 128) <= 1


def test_transparency_is_laid_over_white():
    from PIL import Image

    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert np.asarray(to_rgb(clear)).min() == 255


STEPS = {"zoom": zoom, "rescale": rescale, "jitter": jitter, "blur": blur, "compress": compress, "augment": augment}


@pytest.mark.parametrize("name", STEPS)
def test_each_augmentation_changes_pixels_and_keeps_a_usable_picture(name):
    image, changed = photo(140, 120), 0
    for seed in range(12):
        result = STEPS[name](image, np.random.default_rng(seed))
        assert result.mode == "RGB" and min(result.size) >= 96
        changed += result.size != image.size or not np.array_equal(np.asarray(result), np.asarray(image))
    assert changed >= 10


@pytest.mark.parametrize("name", STEPS)
def test_each_augmentation_repeats_with_its_seed(name):
    first, second = (np.asarray(STEPS[name](photo(), np.random.default_rng(3))) for _ in range(2))
    assert np.array_equal(first, second)


def test_small_pictures_are_never_shrunk_below_what_they_were():
    for seed in range(20):
        assert min(rescale(photo(60, 50), np.random.default_rng(seed)).size) >= 50


def test_erase_greys_one_rectangle():
    pixels = np.asarray(photo(96, 96)).copy()
    before = pixels.copy()
    erase(pixels, np.random.default_rng(0))
    changed = (pixels != before).any(axis=-1)
    assert 0 < changed.mean() < 0.12 and (pixels[changed] == 128).all()


def test_the_whole_training_path_runs_after_every_augmentation():
    spec = Preprocessing(view="crops", size=96, grid=3, jpeg_quality=90)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        for whole in (False, True):
            assert prepare_one(augment(photo(256, 256), rng), spec, rng, whole).shape == (1, 96, 96, 3)
