"""Files that are to be gone and that the storage would not remove: remembered, and removed as soon as it answers."""

import logging
from collections.abc import Iterable

from django.core.files.storage import Storage, default_storage
from django.db import Error, models

logger = logging.getLogger(__name__)
AT_ONCE = 500


class Removal(models.Model):
    """A file's name in the storage. Names are never used again."""

    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


def remove_files(files: Iterable[tuple[Storage, str | None]]) -> None:
    """Now, or later where the storage is away: whoever deleted a picture was told that it is gone."""
    for storage, name in files:
        if not name:
            continue
        try:
            storage.delete(name)
        except OSError as error:
            logger.warning("%s is removed later: %s", name, error)
            _remember(name)


def _remember(name: str) -> None:
    try:
        Removal.objects.create(name=name)
    except Error:  # `manage.py doctor --repair` finds it among the strays
        logger.exception("%s was not removed, and could not be remembered", name)


def remove_overdue() -> int:
    """What could not be removed before, oldest first, until the storage is in the way again. Tells how many went."""
    count = 0
    for removal in Removal.objects.order_by("pk")[:AT_ONCE]:
        try:
            default_storage.delete(removal.name)
        except OSError as error:
            logger.warning("%s still can't be removed: %s", removal.name, error)
            break
        removal.delete()
        count += 1
    return count
