"""Work that runs in the background, row by row, and that people may cancel."""

import uuid
from typing import Any, Self, TypedDict

from django.conf import settings
from django.core.files.base import File
from django.db import models
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from classifier.models.choices import JobState
from classifier.models.claims import Values, Work, WorkQuerySet


class Progress(TypedDict, total=False):
    """How far a job is. seconds: since the phase began; phase, seconds: of training and measuring only."""

    phase: str
    done: int
    total: int
    seconds: float


class JobQuerySet(WorkQuerySet[Any]):
    def open(self) -> Self:
        return self.filter(state__in=[JobState.WAITING, JobState.RUNNING])

    def claim_next(self) -> Any:
        """Take the oldest waiting row, those of dead workers among them; None when nothing waits."""
        self.release_stale()
        oldest = list(self.free().order_by("pk").values_list("pk", flat=True)[:8])
        return self.take(oldest, uuid.uuid4()).first()


class Job(Work):
    """by: who asked for it. A row is the worker's as long as its claim stands; whoever cancels takes it away."""

    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    state = models.CharField(max_length=10, choices=JobState, default=JobState.WAITING, editable=False)
    error = models.CharField(max_length=600, blank=True, editable=False)
    progress = models.JSONField(default=dict, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    WAITING = {"state": JobState.WAITING}
    RUNNING = {"state": JobState.RUNNING}
    objects = JobQuerySet.as_manager()

    class Meta:
        abstract = True

    @classmethod
    def given_up(cls) -> Values:
        reason = "It was interrupted several times, by a crash or because it ran out of memory."
        return {"state": JobState.FAILED, "error": reason, "finished_at": timezone.now()}

    @property
    def is_open(self) -> bool:
        return self.state in (JobState.WAITING, JobState.RUNNING)

    @property
    def share_done(self) -> float | None:
        """Between 0 and 1, None before the total is known."""
        done, total = (self.progress.get(key) or 0 for key in ("done", "total"))
        return min(1.0, done / total) if total else None

    @property
    def seconds_left(self) -> float | None:
        """By the pace so far, None as long as there is none to go by."""
        done, total = (self.progress.get(key) or 0 for key in ("done", "total"))
        seconds = self.progress.get("seconds")
        return seconds / done * max(0, total - done) if done and seconds is not None and self.is_open else None

    def save_with_file(self, stored: FieldFile, name: str, content: "File[bytes]") -> None:
        """Store a new row and its file; where the row can't be written, the file goes again."""
        stored.save(name, content, save=False)
        try:
            self.save()
        except BaseException:
            stored.delete(save=False)
            raise

    def finish(self, state: JobState, **values: Any) -> bool:
        return self.update_mine(**values, state=state, finished_at=timezone.now())

    def cancel(self) -> bool:
        """Stop it, whether it waits or runs. False when it had ended already."""
        mine = type(self)._default_manager.filter(pk=self.pk, state__in=[JobState.WAITING, JobState.RUNNING])
        return bool(mine.update(state=JobState.CANCELLED, claim=None, holder="", finished_at=timezone.now()))
