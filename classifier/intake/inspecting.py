"""Pictures that somebody wants looked at and not kept: a row and a file for the seconds that a worker needs."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from classifier import wakeups
from classifier.intake.submitting import CheckedFile
from classifier.models import Inspection, JobState

SECONDS = 20.0
"""How long somebody waits for an answer."""
MOST = 8
"""Inspections that are open at the same time, on the whole site."""
LEFT_OVER = timedelta(minutes=2)


def begin(by: User, checked: CheckedFile) -> Inspection | None:
    """Ask a worker; None when too many are asked for already. Whoever begins also calls `end`."""
    if Inspection.objects.open().count() >= MOST:
        return None
    inspection = Inspection(by=by)
    inspection.save_with_file(inspection.file, "picture", checked.file)
    wakeups.wake_workers()
    return inspection


def has_ended(inspection: Inspection) -> bool:
    """Reads the row again."""
    inspection.refresh_from_db()
    return inspection.state in (JobState.DONE, JobState.FAILED)


def end(inspection: Inspection) -> None:
    """Row and file go, whatever the worker does at the moment."""
    Inspection.objects.filter(pk=inspection.pk).delete()


def delete_left_over() -> int:
    """What a web process left behind that died while somebody waited. Returns how many."""
    return Inspection.objects.filter(created_at__lt=timezone.now() - LEFT_OVER).delete()[0]
