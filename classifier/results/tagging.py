"""Words that people give to their own images, to find them again."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from classifier.models import Image, ImageQuerySet, Tag

LONGEST = 40
"""Letters of a tag, as its column holds them."""
MOST = 20
"""Tags that are given at once."""


def words_of(text: str) -> list[str]:
    """The tags of a text with commas between, each once, whatever its capitals."""
    known: dict[str, str] = {}
    for part in text.split(","):
        if word := " ".join(part.split()):
            known.setdefault(word.casefold(), word)
    return list(known.values())


def used_by(owner_id: int | None) -> QuerySet[Tag]:
    """The tags that a person's images have."""
    return Tag.objects.filter(Exists(Image.tags.through.objects.filter(tag=OuterRef("pk"))), owner=owner_id)


def tag(owner: User, images: ImageQuerySet, words: Sequence[str]) -> int:
    """Give all of these images of the owner's all of these tags. Returns how many images there are."""
    with transaction.atomic():
        numbers = list(images.filter(owner=owner).values_list("pk", flat=True))
        through = Image.tags.through
        tags = [_tag_of(owner, word) for word in words] if numbers else []
        rows = [through(image_id=number, tag_id=tag.pk) for number in numbers for tag in tags]
        through.objects.bulk_create(rows, ignore_conflicts=True)
    return len(numbers)


def _tag_of(owner: User, word: str) -> Tag:
    return Tag.objects.get_or_create(owner=owner, key=word.casefold(), defaults={"name": word})[0]


def untag(owner: User, images: ImageQuerySet, words: Sequence[str]) -> int:
    """Take these tags from these images; a tag that no image has any more is gone. Returns how many images had one."""
    with transaction.atomic():
        tags = Tag.objects.filter(owner=owner, key__in=[word.casefold() for word in words])
        mine = images.filter(owner=owner).values("pk")
        given = Image.tags.through.objects.filter(tag__in=tags.values("pk"), image__in=mine)
        count = int(given.values("image").distinct().count())
        given.delete()
        Tag.objects.filter(pk__in=[tag.pk for tag in tags]).exclude(pk__in=used_by(owner.pk).values("pk")).delete()
    return count
