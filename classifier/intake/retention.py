"""Deleting images: on request, and when their time is over."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from classifier.models import Batch, Image, ImageQuerySet


def delete_images(images: ImageQuerySet) -> int:
    """Delete rows, verdicts, labels and files. Returns how many images went."""
    with transaction.atomic():
        return images.delete()[1].get(Image._meta.label, 0)


def delete_expired() -> int:
    """Delete images and batches without consent that are older than RETENTION_DAYS days; 0 keeps everything. Returns
    how many images went."""
    if not settings.RETENTION_DAYS:
        return 0
    before = timezone.now() - timedelta(days=settings.RETENTION_DAYS)
    expired = {"consent": False, "created_at__lt": before}
    Batch.objects.filter(**expired).delete()
    return delete_images(Image.objects.filter(**expired))
