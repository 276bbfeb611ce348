"""Near-duplicates among everything that was ever uploaded, by difference hash: five indexed keys an image."""

from collections.abc import Sequence

from classifier.detector.nearness import NEAR, band_keys, distance
from classifier.models import HashKey, Image, ImageQuerySet


def remember(images: Sequence[Image]) -> None:
    """Index the difference hashes of images, anew where they were indexed before."""
    HashKey.objects.filter(image__in=images).delete()
    HashKey.objects.bulk_create(
        HashKey(image=image, key=key) for image in images if image.dhash for key in band_keys(image.dhash)
    )


def near(image: Image, among: ImageQuerySet, most: int = 12) -> list[Image]:
    """Other images whose hash differs in at most NEAR bits, nearest first; at most `most`."""
    if not image.dhash:
        return []
    sharing = HashKey.objects.filter(key__in=band_keys(image.dhash)).exclude(image=image)
    hashes = dict(sharing.values_list("image_id", "image__dhash").distinct())
    found = {pk: bits for pk, dhash in hashes.items() if (bits := distance(dhash, image.dhash)) <= NEAR}
    ranked = sorted(among.filter(pk__in=list(found)[:5000]), key=lambda other: (found[other.pk], other.pk))
    return ranked[:most]
