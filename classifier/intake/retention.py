"""Deleting images: on request, and when their time is over."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from classifier.models import Batch, Image, ImageQuerySet

GUESTS_KEPT = timedelta(hours=1)
"""How long pictures of people without an account are kept."""


def delete_images(images: ImageQuerySet) -> int:
    """Delete rows, verdicts, labels and files. Returns how many images went."""
    with transaction.atomic():
        return images.delete()[1].get(Image._meta.label, 0)


def delete_expired() -> int:
    """Delete what guests sent in longer than an hour ago, and images and batches without consent that are older than
    RETENTION_DAYS days (0 keeps them). Returns how many images went."""
    guests = Image.objects.exclude(guest="").filter(created_at__lt=timezone.now() - GUESTS_KEPT)
    count = delete_images(guests)
    if not settings.RETENTION_DAYS:
        return count
    before = timezone.now() - timedelta(days=settings.RETENTION_DAYS)
    expired = {"consent": False, "created_at__lt": before}
    Batch.objects.filter(**expired).delete()
    return count + delete_images(Image.objects.filter(**expired))
