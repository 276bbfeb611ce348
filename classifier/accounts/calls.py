"""Answers that are kept for calls with an Idempotency-Key."""

from datetime import timedelta

from django.utils import timezone

from classifier.models import KeyedCall

KEPT = timedelta(hours=24)


def forget_old() -> int:
    """Delete answers that are kept for long enough. Returns how many."""
    return KeyedCall.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
