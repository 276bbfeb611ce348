"""Links that show a report to whoever has them, until they end."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from classifier.models import Image, Share


def share(image: Image, days: int) -> Share:
    """A new link to the report of an image, for at most SHARE_DAYS days."""
    days = max(1, min(days, settings.SHARE_DAYS))
    return Share.objects.create(image=image, expires_at=timezone.now() + timedelta(days=days))


def revoke_shares(image: Image) -> int:
    return Share.objects.open().filter(image=image).update(revoked_at=timezone.now())
