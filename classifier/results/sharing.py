"""Links that show a report to whoever has them, until they end."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from classifier.models import Batch, BatchShare, Image, Share


def share(image: Image, days: int) -> Share:
    """A new link to the report of an image, for at most SHARE_DAYS days."""
    return Share.objects.create(image=image, expires_at=_end(days))


def share_batch(batch: Batch, days: int) -> BatchShare:
    """The same for all of a batch."""
    return BatchShare.objects.create(batch=batch, expires_at=_end(days))


def _end(days: int) -> datetime:
    return timezone.now() + timedelta(days=max(1, min(days, settings.SHARE_DAYS)))


def was_shared(token: str, kind: type[Share] | type[BatchShare] = Share) -> bool:
    """Whether this is the secret of a link that worked once and was revoked or ran out."""
    now = timezone.now()
    return kind.objects.filter(Q(revoked_at__isnull=False) | Q(expires_at__lte=now), token=token).exists()


def revoke_shares(image: Image) -> int:
    return Share.objects.open().filter(image=image).update(revoked_at=timezone.now())


def revoke_batch_shares(batch: Batch) -> int:
    return BatchShare.objects.open().filter(batch=batch).update(revoked_at=timezone.now())
