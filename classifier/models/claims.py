"""One way to claim work, for everything that rows describe: images, jobs, re-scorings, comparisons.

A claim is one conditional UPDATE, so two workers never get the same row. It stands until its holder gives the row back,
dies, or says nothing for CLAIM_SECONDS. Two kinds of failure are told apart:

- What a row may do to its worker, such as killing it, is an attempt; after MAX_ATTEMPTS it is given up.
- What the machine does to the worker (a full disk, a database that is away) is no attempt: the row waits for a while
  and is tried again, for as long as it takes.
"""

import errno
import logging
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from django.apps import apps
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest, Least
from django.dispatch import Signal

from aidetect import tally
from classifier.models import holders
from classifier.models.clock import now_everywhere

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds that a row waits after the first trouble of the machine, doubled each time, and at most."""
gave_up = Signal()
"""Sent by a model whose rows were tried too often; numbers: of these rows."""
PATIENCE = (0.5, 1, 2, 4, 8)
"""Seconds between tries to give a row back to a database that is away."""


def is_trouble(error: BaseException) -> bool:
    """Whether the machine is at fault, not the work: a disk, a network, a database. A file that is lost is the row's
    own affair, unless its folder is lost with it. Pillow, too, raises OSError, for damaged pictures, but without a
    number of the system's."""
    if isinstance(error, FileNotFoundError):
        return error.filename is not None and _is_away(Path(os.fsdecode(error.filename)))
    if isinstance(error, OperationalError | InterfaceError | ConnectionError | TimeoutError):
        return True
    return isinstance(error, OSError) and error.errno is not None


def _is_away(path: Path) -> bool:
    """Whether a stored file's folder is gone: a volume that isn't mounted. Nothing here ever removes a folder."""
    return path.is_relative_to(settings.MEDIA_ROOT) and not path.parent.is_dir()


def require_mounted(path: Path) -> None:
    """Raises OSError, which is trouble of the machine, when the folder of a stored file is gone."""
    if _is_away(path):
        raise OSError(errno.ENODEV, "the folder of stored files is gone; is its volume mounted?", str(path.parent))


Row = TypeVar("Row", bound="Work")
Values = Mapping[str, object]
"""Of a row's columns, by name."""


class WorkQuerySet(models.QuerySet[Row]):
    def free(self) -> Self:
        """Rows that may be claimed now. One that is to wait longer than any row waits was told so by another clock."""
        now = now_everywhere()
        wrong = now + timedelta(seconds=2 * LONGEST_PAUSE)
        due = Q(not_before=None) | Q(not_before__lte=now) | Q(not_before__gt=wrong)
        return self.filter(due, **self.model.WAITING)

    def held(self) -> Self:
        return self.filter(claim__isnull=False, **self.model.RUNNING)

    def take(self, candidates: Sequence[int], token: uuid.UUID, limit: int = 1) -> Self:
        """Claim up to `limit` of these rows, in this order, for `token`; those that somebody else gets at the same
        moment are left out."""
        if candidates:
            order = Case(*(When(pk=pk, then=Value(place)) for place, pk in enumerate(candidates)))
            with transaction.atomic():
                rows = self.free().filter(pk__in=candidates).order_by(order).select_for_update(skip_locked=True)
                chosen = list(rows.values_list("pk", flat=True)[:limit])
                self.free().filter(pk__in=chosen).order_by().update(**self._claimed_by(token))
        return self.held().filter(claim=token)

    def _claimed_by(self, token: uuid.UUID) -> Values:
        mine = {"claim": token, "claimed_at": now_everywhere(), "holder": holders.myself()}
        return {**self.model.RUNNING, **mine, "attempts": F("attempts") + 1}

    def renew(self) -> int:
        return self.held().order_by().update(claimed_at=now_everywhere())

    def give_back(self) -> int:
        """These rows wait again, for a while: they are not at fault, so it was no attempt."""
        pauses = [min(LONGEST_PAUSE, FIRST_PAUSE * 2**times) for times in range(7)]
        now = now_everywhere()
        until = Case(
            *(When(setbacks=times, then=Value(now + timedelta(seconds=pause))) for times, pause in enumerate(pauses)),
            default=Value(now + timedelta(seconds=LONGEST_PAUSE)),
            output_field=models.DateTimeField(),
        )
        return (
            self.held()
            .order_by()
            .update(
                **{**self.model.WAITING, "claim": None, "holder": ""},
                attempts=Greatest(F("attempts") - 1, Value(0)),
                setbacks=Least(F("setbacks") + 1, Value(100)),
                not_before=until,
            )
        )

    def give_back_patiently(self) -> int:
        """The same when it is the database itself that may be away: tries again for a quarter of a minute."""
        for pause in PATIENCE:
            try:
                return self.give_back()
            except (OperationalError, InterfaceError):
                if connection.in_atomic_block:
                    raise
                connection.close()
                time.sleep(pause)
        return self.give_back()

    def stale(self) -> Self:
        """Rows whose worker died, here or anywhere."""
        here = self.held().filter(holder__startswith=f"{holders.place()}:").order_by()
        gone = [holder for holder in here.values_list("holder", flat=True).distinct() if holders.is_gone(holder)]
        now, patience = now_everywhere(), timedelta(seconds=settings.CLAIM_SECONDS)
        went_back = Q(claimed_at__gt=now + patience)  # later than now: a clock did
        return self.held().filter(Q(claimed_at__lt=now - patience) | went_back | Q(holder__in=gone)).order_by()

    def release_stale(self) -> int:
        """They wait again, or are given up after MAX_ATTEMPTS. Tells how many."""
        lost = self.stale()
        nobody: Values = {"claim": None, "holder": ""}
        given_up = 0
        if final := self.model.given_up():
            tried = list(lost.filter(attempts__gte=settings.MAX_ATTEMPTS).values_list("pk", flat=True))
            given_up = lost.filter(pk__in=tried).update(**final, **nobody)
            if given_up:
                tally.add("failures:interrupted", given_up)
                gave_up.send(self.model, numbers=tried)
        return given_up + lost.update(**{**self.model.WAITING, **nobody})


class Work(models.Model):
    """A row that is work for a worker. attempts: claims that did not come to an end so far. setbacks: how often the
    machine was in the way; the row waits until not_before.

    WAITING and RUNNING are the values that make a row so."""

    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    setbacks = models.PositiveSmallIntegerField(default=0, editable=False)
    not_before = models.DateTimeField(null=True, blank=True, editable=False)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    holder = models.CharField(
        max_length=120, blank=True, editable=False, help_text="the process, as `holders` names it"
    )

    WAITING: ClassVar[Values]
    RUNNING: ClassVar[Values]

    class Meta:
        abstract = True

    @classmethod
    def given_up(cls) -> Values:
        """The values of a row that was tried too often; {} where that is settled otherwise."""
        return {}

    @property
    def mine(self) -> "WorkQuerySet[Any]":
        """The row, as long as the claim stands under which it was read."""
        rows: WorkQuerySet[Any] = WorkQuerySet(type(self))
        return rows.held().filter(pk=self.pk, claim=self.claim)

    def update_mine(self, **values: Any) -> bool:
        """Write to the row while the claim stands, and renew the claim. False: it was cancelled or given away."""
        mine = self.mine
        for name, value in values.items():
            setattr(self, name, value)
        return bool(mine.update(**values, claimed_at=now_everywhere()))

    def hand_back(self, **values: Any) -> bool:
        """A part is done; whoever comes next goes on. False as in `update_mine`."""
        return self.update_mine(**{**self.WAITING, "claim": None, "holder": "", "setbacks": 0, **values})

    def put_off(self, error: Exception) -> bool:
        """Let the row wait for a while where the machine is in the way. False: the error is the work's own."""
        if not is_trouble(error):
            return False
        logger.warning("%s waits, the machine is in the way: %s", self, error)
        self.mine.give_back_patiently()
        return True


def release_everything() -> int:
    """Whatever is held by workers that died, of every kind."""
    kinds = [model for model in apps.get_models() if issubclass(model, Work)]
    released = sum(WorkQuerySet(model).release_stale() for model in kinds)
    tally.flush()
    return released
