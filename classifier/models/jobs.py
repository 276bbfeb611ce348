"""Work that runs in the background, row by row: claimed by one conditional UPDATE, found again when its worker died."""

import uuid
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils import timezone

from classifier.models.choices import JobState


class JobQuerySet(models.QuerySet[Any]):
    def open(self) -> Self:
        return self.filter(state__in=[JobState.WAITING, JobState.RUNNING])

    def claim_next(self) -> Any:
        """Take the oldest waiting row, those of dead workers among them; None when nothing waits."""
        self.release_stale()
        waiting = self.filter(state=JobState.WAITING).order_by("pk")
        token = uuid.uuid4()
        for pk in waiting.values_list("pk", flat=True)[:1]:
            started = {"state": JobState.RUNNING, "claim": token, "claimed_at": timezone.now()}
            if waiting.filter(pk=pk).order_by().update(**started, attempts=F("attempts") + 1, error=""):
                return self.get(pk=pk)
        return None

    def release_stale(self) -> None:
        """Rows of workers that died wait again; after MAX_ATTEMPTS they fail."""
        deadline = timezone.now() - timedelta(seconds=settings.CLAIM_SECONDS)
        stale = self.filter(state=JobState.RUNNING, claimed_at__lt=deadline)
        reason = "It was interrupted several times, by a crash or for want of memory."
        stale.filter(attempts__gte=settings.MAX_ATTEMPTS).update(
            state=JobState.FAILED, claim=None, error=reason, finished_at=timezone.now()
        )
        stale.update(state=JobState.WAITING, claim=None)


class Job(models.Model):
    """by: who asked for it. A row is the worker's as long as its claim stands; whoever cancels takes it away."""

    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    state = models.CharField(max_length=10, choices=JobState, default=JobState.WAITING, editable=False)
    error = models.CharField(max_length=600, blank=True, editable=False)
    progress = models.JSONField(default=dict, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    claim = models.UUIDField(null=True, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    objects = JobQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        return self.state in (JobState.WAITING, JobState.RUNNING)

    def update_mine(self, **values: Any) -> bool:
        """Write to the row while the claim stands, and renew the claim. False: it was cancelled or given away."""
        mine = type(self)._default_manager.filter(pk=self.pk, claim=self.claim, state=JobState.RUNNING)
        for name, value in values.items():
            setattr(self, name, value)
        return bool(mine.update(**values, claimed_at=timezone.now()))

    def finish(self, state: JobState, **values: Any) -> bool:
        return self.update_mine(**values, state=state, finished_at=timezone.now())

    def cancel(self) -> bool:
        """Stop it, whether it waits or runs. False when it had ended already."""
        mine = type(self)._default_manager.filter(pk=self.pk, state__in=[JobState.WAITING, JobState.RUNNING])
        return bool(mine.update(state=JobState.CANCELLED, claim=None, finished_at=timezone.now()))
