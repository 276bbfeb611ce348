"""Near-duplicates and crops among everything that was ever uploaded: by difference hash, through five indexed keys an
image; by colours, and then by looking for one picture in the other, which a worker does when nothing else waits."""

import logging
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
from django.db import transaction
from PIL import Image as Picture

from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import read_rgb
from classifier.detector.images.nearness import CROP, NEAR, band_keys, colour_distance, colours, distance, likeness
from classifier.models import HashKey, Image, ImageQuerySet, Kinship, Signature, State

logger = logging.getLogger(__name__)

CANDIDATES, FARTHEST = 5, 0.3
"""How many images with the nearest colours are looked at, and how near their colours must be."""


def remember(images: Sequence[Image]) -> None:
    """Index the difference hashes of images, anew where they were indexed before."""
    HashKey.objects.filter(image__in=images).delete()
    HashKey.objects.bulk_create(
        HashKey(image=image, key=key) for image in images if image.dhash for key in band_keys(image.dhash)
    )


def near(image: Image, among: ImageQuerySet, most: int = 12) -> list[Image]:
    """Other images whose hash differs in at most NEAR bits, nearest first, then those that are a crop of this one or it
    of them; at most `most`."""
    found = dict.fromkeys(_kin_of(image), NEAR + 1)
    if image.dhash:
        sharing = HashKey.objects.filter(key__in=band_keys(image.dhash)).exclude(image=image)
        hashes = dict(sharing.values_list("image_id", "image__dhash").distinct())
        found |= {pk: bits for pk, dhash in hashes.items() if (bits := distance(dhash, image.dhash)) <= NEAR}
    ranked = sorted(among.filter(pk__in=list(found)[:5000]), key=lambda other: (found[other.pk], other.pk))
    return ranked[:most]


def _kin_of(image: Image) -> Iterable[int]:
    pairs = Kinship.objects.filter(image=image).values_list("other", flat=True)
    return [*pairs, *Kinship.objects.filter(other=image).values_list("image", flat=True)]


def crops() -> list[tuple[str, str]]:
    """Every pair of which one is a part of the other, by SHA-256."""
    return list(Kinship.objects.values_list("image__sha256", "other__sha256"))


class _Index:
    """The signatures of all compared images, kept by a worker and added to as others come."""

    def __init__(self) -> None:
        self.last = 0
        self.images: list[int] = []
        self.colours: npt.NDArray[np.int8] = np.zeros((0, 64), np.int8)

    def nearest(self, signature: npt.NDArray[np.int8], most: int) -> list[int]:
        """Numbers of images, nearest colours first; what was deleted since may be among them."""
        rows = list(Signature.objects.filter(pk__gt=self.last).order_by("pk").values_list("pk", "image_id", "colours"))
        if rows:
            self.last = rows[-1][0]
            self.images += [image for _, image, _ in rows]
            fresh = np.frombuffer(b"".join(bytes(found) for *_, found in rows), np.int8).reshape(-1, 64)
            self.colours = np.concatenate([self.colours, fresh])
        gaps = colour_distance(signature, self.colours)
        return [self.images[at] for at in np.argsort(gaps)[:most] if gaps[at] <= FARTHEST]


_index = _Index()


def compare_next() -> bool:
    """Look for the next image among those that were compared, as a part of them or they of it. False when all were."""
    image = Image.objects.filter(state=State.DONE, compared=False).order_by("pk").first()
    if image is None:
        return False
    kin: list[Image] = []
    if picture := _picture(image):
        signature = colours(picture)
        numbers = _index.nearest(signature, 2 * CANDIDATES)
        others = Image.objects.exclude(pk=image.pk).in_bulk(numbers)
        there = (others[pk] for pk in numbers if pk in others)
        looked_at = islice(((other, found) for other in there if (found := _picture(other))), CANDIDATES)
        kin = [other for other, found in looked_at if likeness(picture, found) >= CROP]
    with transaction.atomic():
        if not Image.objects.filter(pk=image.pk).update(compared=True):
            return True  # deleted meanwhile
        if picture:
            Signature.objects.update_or_create(image=image, defaults={"colours": signature.tobytes()})
        remaining = Image.objects.filter(pk__in=[other.pk for other in kin])
        pairs = [Kinship(image=image, other=other) for other in remaining]
        Kinship.objects.bulk_create(pairs, ignore_conflicts=True)
    return True


def _picture(image: Image) -> Picture.Image | None:
    """The stored thumbnail, None where there is none."""
    if not image.thumbnail:
        return None
    try:
        with image.thumbnail.open("rb") as file:
            return read_rgb(file.read())
    except (OSError, UnreadableImage):
        logger.warning("no thumbnail of image %s to compare", image.pk)
        return None
