"""Links that show a report to whoever has them, until they end."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from classifier.models import Image, Share


def share(image: Image, days: int) -> Share:
    """A new link to the report of an image, for at most SHARE_DAYS days."""
    days = max(1, min(days, settings.SHARE_DAYS))
    return Share.objects.create(image=image, expires_at=timezone.now() + timedelta(days=days))


def was_shared(token: str) -> bool:
    """Whether this is the secret of a link that worked once and was revoked or ran out."""
    now = timezone.now()
    return Share.objects.filter(Q(revoked_at__isnull=False) | Q(expires_at__lte=now), token=token).exists()


def revoke_shares(image: Image) -> int:
    return Share.objects.open().filter(image=image).update(revoked_at=timezone.now())
