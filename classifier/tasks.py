"""Celery tasks: thin callers. TensorFlow is imported inside, so only a worker's child ever loads it."""

from celery import shared_task
from django.conf import settings
from django.core.management import call_command

from classifier.models import Measurement, TrainingRun, claims, remove_overdue

LIMIT = 300
"""Seconds after which a child is killed as stuck; its rows are released and tried again, one at a time."""


@shared_task(name="classifier.classify_pending", time_limit=LIMIT)  # type: ignore[untyped-decorator]
def classify_pending() -> int:
    """Classify every waiting image; returns how many. Safe to run twice, and at the same time in two workers."""
    from classifier.worker.loop import classify_waiting

    return classify_waiting(settings.BATCH_SIZE)


@shared_task(name="classifier.train_waiting")  # type: ignore[untyped-decorator]
def train_waiting() -> int:
    """Training runs and measurements that wait; on a queue, and so in a worker, of its own. Loads Keras only when there
    is something to do."""
    kinds = (TrainingRun, Measurement)
    for kind in kinds:
        kind.objects.release_stale()
    if not any(kind.objects.free().exists() for kind in kinds):
        return 0
    from classifier.worker.trainer import work

    return work()


@shared_task(name="classifier.deliver_waiting")  # type: ignore[untyped-decorator]
def deliver_waiting() -> int:
    """Webhooks that wait; on a queue of its own, so that a receiver that is slow holds up no verdict."""
    from classifier.accounts import delivering

    return delivering.deliver_waiting()


@shared_task(name="classifier.sweep", time_limit=LIMIT)  # type: ignore[untyped-decorator]
def sweep() -> int:
    """Find what was lost: rows whose worker died, rows whose wake-up never arrived; delete what is past its time. Loads
    the detector early, too."""
    from classifier.intake.inspecting import delete_left_over
    from classifier.intake.quotas import forget_old_uploads
    from classifier.intake.retention import delete_expired
    from classifier.worker.loop import classify_waiting

    claims.release_everything()
    remove_overdue()
    delete_expired()
    forget_old_uploads()
    delete_left_over()
    return classify_waiting(settings.BATCH_SIZE)


@shared_task(name="classifier.clear_sessions", time_limit=LIMIT)  # type: ignore[untyped-decorator]
def clear_sessions() -> None:
    """Expired sessions, answers kept for repeated calls, old entries of the audit log and of the webhooks' log are
    deleted; sent once an hour by the workers."""
    from classifier.accounts import calls, hooks, trail

    call_command("clearsessions")
    calls.forget_old()
    trail.forget_old()
    hooks.forget_old_deliveries()
