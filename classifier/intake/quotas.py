"""How much one person may bring in: uploads an hour, and stored bytes. Asked before the bytes are read where that is
possible, and once more, exactly, in the transaction that stores a file."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.template.defaultfilters import pluralize
from django.utils import timezone

from classifier.intake.checks import size_in_words
from classifier.models import Allowance, Image, Received

HOUR = timedelta(hours=1)


class OverQuota(ValidationError):
    """There is no room for a file; the message says what the person can do."""

    @property
    def sentence(self) -> str:
        return str(self.messages[0])


@dataclass(frozen=True)
class Room:
    """A person's limits (inf where there is none), and what is used of them."""

    most_uploads: float
    most_bytes: float
    uploads: int = 0
    bytes: int = 0
    free_again: datetime | None = None

    @property
    def is_limited(self) -> bool:
        return self.most_uploads < inf or self.most_bytes < inf

    @property
    def uploads_left(self) -> float:
        return max(0, self.most_uploads - self.uploads)

    @property
    def bytes_left(self) -> float:
        return max(0, self.most_bytes - self.bytes)

    def objection_to_all(self, count: int, size: int) -> str:
        """Why `count` files of `size` bytes together are not begun with now; empty where they are."""
        if count > self.uploads_left:
            return (
                f"These are {count:,} files; you may upload {self.uploads_left:.0f} more within this hour. Nothing was "
                "stored. Send fewer, or the rest later."
            )
        return self.objection(size)

    @property
    def in_words(self) -> str:
        """For the upload page; nothing where nothing is limited."""
        parts = []
        if self.most_uploads < inf:
            parts.append(f"{self.uploads_left:.0f} of {self.most_uploads:.0f} uploads left this hour")
        if self.most_bytes < inf:
            parts.append(f"{self.bytes / 1e6:.1f} of {self.most_bytes / 1e6:g} MB used")
        return ", ".join(parts)

    def objection(self, size: int) -> str:
        """Why `size` more bytes are not taken now; empty where they are."""
        if self.uploads >= self.most_uploads:
            minutes = _minutes_until(self.free_again)
            return (
                f"You uploaded {self.uploads} image{pluralize(self.uploads)} within an hour; the limit is "
                f"{self.most_uploads:.0f}. Nothing more was stored. Try again in {minutes} minute{pluralize(minutes)}."
            )
        if size > self.bytes_left:
            return (
                f"There is no room for {size_in_words(size)}: your images take {size_in_words(self.bytes)} of "
                f"{size_in_words(int(self.most_bytes))}. Delete images that you no longer need, or ask the staff of "
                "this site for more room."
            )
        return ""


def _minutes_until(moment: datetime | None) -> int:
    seconds = (moment - timezone.now()).total_seconds() if moment else HOUR.total_seconds()
    return max(1, -(-int(seconds) // 60))


def room_of(owner: User) -> Room:
    uploads, size = _limits_of(owner)
    count, free_again = _received(owner, uploads) if uploads < inf else (0, None)
    return Room(uploads, size, count, _stored(owner) if size < inf else 0, free_again)


def _limits_of(owner: User) -> tuple[float, float]:
    """Uploads an hour, and bytes."""
    allowance = Allowance.objects.filter(owner=owner).first()
    uploads = _limit(allowance.uploads_per_hour if allowance else None, settings.UPLOADS_PER_HOUR)
    megabytes = _limit(allowance.storage_mb if allowance else None, settings.STORAGE_MB)
    return uploads, megabytes * 1e6


def _limit(own: int | None, everybodys: int) -> float:
    return (everybodys if own is None else own) or inf


def _received(owner: User, most: float) -> tuple[int, datetime | None]:
    """How many uploads count now, and when there will be room for one more."""
    lately = Received.objects.filter(owner=owner, created_at__gt=timezone.now() - HOUR).order_by("created_at")
    moments = list(lately.values_list("created_at", flat=True))
    over = len(moments) - int(most)
    return len(moments), moments[over] + HOUR if over >= 0 and moments else None


def _stored(owner: User) -> int:
    """Bytes of the originals; copies and heat maps are ours."""
    return Image.objects.filter(owner=owner).aggregate(sum=Sum("size"))["sum"] or 0


def book(owner: User, size: int) -> None:
    """Count an upload of `size` bytes; within the transaction that stores it, so that two requests at the same moment
    can't both take the last place. Raises OverQuota."""
    if _limits_of(owner) == (inf, inf):
        return
    User.objects.select_for_update().get(pk=owner.pk)
    room = room_of(owner)
    if sentence := room.objection(size):
        raise OverQuota(sentence, code="quota")
    if room.most_uploads < inf:
        Received.objects.create(owner=owner)


def forget_old_uploads() -> int:
    """Delete what no longer counts. Returns how many rows went."""
    return Received.objects.filter(created_at__lt=timezone.now() - HOUR).delete()[0]
