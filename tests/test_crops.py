"""A crop is found again: by colours, then by looking for one picture in the other; and stays in one split with it."""

import io

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageFilter

from classifier.detector.images.nearness import CROP, NEAR, colour_distance, colours, dhash, distance, likeness
from classifier.intake import neighbours
from classifier.labelling import ground_truth, queue
from classifier.learning import versions
from classifier.models import Image, Kinship, Signature
from classifier.worker import loop
from tests.pictures import encoded, photo

pytestmark = [pytest.mark.keras, pytest.mark.postgres]


def scene(seed, width=400, height=300):
    """A picture with something to recognise: blurred blots of a few colours."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    image = Picture.fromarray(small).resize((width, height), Picture.Resampling.BICUBIC)
    for _ in range(12):
        x, y, side = int(rng.integers(0, width)), int(rng.integers(0, height)), int(rng.integers(20, 90))
        image.paste(tuple(int(value) for value in rng.integers(0, 256, 3)), (x, y, x + side, y + side // 2))
    return image.filter(ImageFilter.GaussianBlur(2))


def cut(image, left, top, right, bottom):
    box = (int(left * image.width), int(top * image.height), int(right * image.width), int(bottom * image.height))
    part = image.crop(box)
    return part.resize((int(part.width * 0.8), int(part.height * 0.8)))


CUTS = [(0, 0, 0.9, 0.9), (0.1, 0.1, 0.9, 0.9), (0.25, 0.2, 1, 1), (0, 0.15, 0.7, 0.85)]


@pytest.mark.parametrize("box", CUTS)
def test_a_crop_is_recognised_where_the_hash_is_blind_and_another_picture_is_not(box):
    image, other = scene(1), scene(2)
    part = cut(image, *box)
    again = Picture.open(io.BytesIO(encoded(part, "JPEG", quality=70)))
    assert distance(dhash(image), dhash(again)) > NEAR
    assert likeness(again, image) >= CROP and likeness(image, again) >= CROP
    assert likeness(again, other) < CROP
    near, far = colour_distance(colours(again), np.stack([colours(image), colours(other)]))
    assert near < neighbours.FARTHEST and near < far


def test_a_flat_picture_is_like_nothing():
    flat = Picture.new("RGB", (200, 200), (120, 130, 140))
    assert likeness(flat, scene(1)) < CROP and likeness(flat, flat) < CROP


@pytest.fixture
def crops(tiny, upload, staff):
    """Nine scenes and a crop of the first of them, labelled."""
    files = [(f"{n}.jpg", encoded(scene(n), "JPEG", quality=88)) for n in range(9)]
    upload(*files, ("part.jpg", encoded(cut(scene(0), *CUTS[1]), "JPEG", quality=75)), consent=True)
    loop.classify_waiting(16)
    return Image.objects.get(name="0.jpg"), Image.objects.get(name="part.jpg")


def test_the_worker_finds_it_when_nothing_else_waits(crops, staff):
    image, part = crops
    assert not Image.objects.filter(compared=False).exists() and Signature.objects.count() == 10
    assert [(pair.image, pair.other) for pair in Kinship.objects.all()] == [(part, image)]
    assert neighbours.near(image, Image.objects.all()) == [part]
    assert neighbours.near(part, Image.objects.all()) == [image]
    assert queue.beside(part) == [image]
    assert not neighbours.compare_next()


def test_a_crop_stays_in_one_split_with_what_it_was_cut_from(crops, staff):
    image, part = crops
    for number in range(9):
        chosen = Image.objects.filter(name__in=[f"{number}.jpg", *(["part.jpg"] if number == 0 else [])])
        ground_truth.label_images(chosen, staff, "REAL" if number % 2 else "FAKE", "sure")
    rows = {row.sha256: row for row in versions.rows_of(versions.freeze(staff))}
    assert rows[image.sha256].group == rows[part.sha256].group
    assert rows[image.sha256].split == rows[part.sha256].split
    assert len({row.group for row in rows.values()}) == 9


def test_a_version_says_when_not_everything_was_compared(crops, staff, as_staff):
    ground_truth.label_images(Image.objects.filter(name__in=["0.jpg", "1.jpg", "2.jpg"]), staff, "REAL", "sure")
    ground_truth.label_images(Image.objects.exclude(label="REAL"), staff, "FAKE", "sure")
    Image.objects.filter(name="1.jpg").update(compared=False)
    version = versions.freeze(staff)
    page = as_staff.get(f"/admin/classifier/datasetversion/{version.pk}/change/").content.decode()
    assert "1 images had not been compared yet" in page


def test_what_is_deleted_or_has_no_thumbnail_holds_up_nothing(crops, upload):
    image, _ = crops
    image.thumbnail.storage.delete(image.thumbnail.name)
    Image.objects.filter(name="3.jpg").delete()
    upload(("later.jpg", encoded(cut(scene(3), *CUTS[0]), "JPEG")), ("noise.jpg", encoded(photo(200, 200, 9), "JPEG")))
    loop.classify_waiting(16)
    assert not Image.objects.filter(compared=False).exists() and Kinship.objects.count() == 1
