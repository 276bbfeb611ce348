"""Near-duplicates and crops among everything that was ever uploaded: by difference hash, through five indexed keys an
image; by colours, and then by looking for one picture in the other, which a worker does when nothing else waits."""

import logging
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import transaction
from PIL import Image as Picture

from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import read_rgb
from classifier.detector.images.nearness import CROP, NEAR, band_keys, colour_distance, colours, distance, likeness
from classifier.models import Comparison, HashKey, Image, ImageQuerySet, Kinship, Signature, State
from classifier.models.claims import is_trouble

logger = logging.getLogger(__name__)

CANDIDATES, FARTHEST = 5, 0.3
"""How many images with the nearest colours are looked at, and how near their colours must be."""
BATCH = 16
"""How many images are put on the list of comparisons at once."""


def remember(images: Sequence[Image]) -> None:
    """Index the difference hashes of images; those indexed before are indexed again."""
    HashKey.objects.filter(image__in=images).delete()
    HashKey.objects.bulk_create(
        HashKey(image=image, key=key) for image in images if image.dhash for key in band_keys(image.dhash)
    )


def near(image: Image, among: ImageQuerySet, most: int = 12) -> list[Image]:
    """Other images whose hash differs in at most NEAR bits, nearest first, then those that are a crop of this one or it
    of them; at most `most`."""
    distances = dict.fromkeys(_kin_of(image), NEAR + 1)
    if image.dhash:
        sharing = HashKey.objects.filter(key__in=band_keys(image.dhash)).exclude(image=image)
        hashes = dict(sharing.values_list("image_id", "image__dhash").distinct())
        distances |= {pk: bits for pk, dhash in hashes.items() if (bits := distance(dhash, image.dhash)) <= NEAR}
    ranked = sorted(among.filter(pk__in=list(distances)[:5000]), key=lambda other: (distances[other.pk], other.pk))
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
    """Look for the next image among those that were compared, as a part of them or they of it. False when all were, or
    the machine is in the way: then it is in the way of the others, too."""
    work = Comparison.objects.claim_next() or (_list_more() and Comparison.objects.claim_next())
    if not work:
        return False
    try:
        _compare(work)
    except Exception as error:
        if not work.put_off(error):
            raise
        return False
    return True


def _list_more() -> bool:
    """List the next images to be compared; locked, so that none of them is deleted meanwhile."""
    with transaction.atomic():
        images = Image.objects.filter(state=State.DONE, compared=False, comparison=None).order_by("pk")
        listed = list(images.select_for_update(skip_locked=True, of=("self",))[:BATCH])
        Comparison.objects.bulk_create((Comparison(image=image) for image in listed), ignore_conflicts=True)
    return bool(listed)


def _compare(work: Comparison) -> None:
    image, picture, kin = work.image, None, list[Image]()
    if work.attempts > settings.MAX_ATTEMPTS:
        logger.error("image %s ended its worker each time; it is compared with none", image.pk)
    elif picture := _picture(image):
        kin = _kin_among_the_nearest(image, picture)
    with transaction.atomic():
        if not work.mine.delete()[0]:
            return  # deleted with its image meanwhile, or another worker has it
        Image.objects.filter(pk=image.pk).update(compared=True)
        if picture:
            Signature.objects.update_or_create(image=image, defaults={"colours": colours(picture).tobytes()})
        remaining = Image.objects.filter(pk__in=[other.pk for other in kin])
        pairs = [Kinship(image=image, other=other) for other in remaining]
        Kinship.objects.bulk_create(pairs, ignore_conflicts=True)


def _kin_among_the_nearest(image: Image, picture: Picture.Image) -> list[Image]:
    numbers = _index.nearest(colours(picture), 2 * CANDIDATES)
    others = Image.objects.exclude(pk=image.pk).in_bulk(numbers)
    there = (others[pk] for pk in numbers if pk in others)
    looked_at = islice(((other, seen) for other in there if (seen := _picture(other))), CANDIDATES)
    return [other for other, seen in looked_at if likeness(picture, seen) >= CROP]


def _picture(image: Image) -> Picture.Image | None:
    """The stored thumbnail, None where there is none. Raises OSError when the machine is in the way."""
    if not image.thumbnail:
        return None
    try:
        with image.thumbnail.open("rb") as file:
            return read_rgb(file.read())
    except (OSError, UnreadableImage) as error:
        if is_trouble(error):
            raise
        logger.warning("no thumbnail of image %s to compare", image.pk)
        return None
