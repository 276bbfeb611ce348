"""Whether the site can do its work, and what is in its way: the facts behind /readyz and the staff page Status. Each is
read anew, and nothing here writes, but for the file with which storage is tried."""

import errno
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Min, Q
from django.template.defaultfilters import filesizeformat, pluralize
from django.utils import timezone

from aidetect import broker
from classifier.models import Detector, Image, ImportBatch, JobState, Measurement, State, TrainingRun
from classifier.registry import bundles

logger = logging.getLogger(__name__)
LONG_WAIT = timedelta(minutes=5)
"""From when on the oldest upload has waited too long."""


# --- The parts, each of which must work -------------------------------------------------------------------------------
def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _redis() -> str:
    with broker.client() as client:
        client.ping()
    return ""


def _storage() -> str:
    """A file can be written, read and deleted."""
    name = default_storage.save(f"ready/{uuid4()}", ContentFile(b"ready"))
    try:
        with default_storage.open(name) as file:
            return "" if file.read() == b"ready" else "what was written is not what is read"
    finally:
        default_storage.delete(name)


def _worker() -> str:
    return "" if broker.worker_was_seen() else f"no worker was seen in the last {broker.SEEN_SECONDS} seconds"


def _detector() -> str:
    detector = Detector.objects.active()
    if not detector:
        return "no detector is active"
    return "" if bundles.is_there(detector) else "the active detector's model is missing"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "redis": _redis,
    "storage": _storage,
    "worker": _worker,
    "detector": _detector,
}
"""What is asked of each part: "" or what is wrong, or any exception."""

CONSEQUENCES = {
    "database": "The database does not answer. Hardly any page works, and nothing is judged.",
    "redis": "Redis does not answer. Uploads are stored, but none is judged until it is back.",
    "storage": "Files can't be stored; uploads are not accepted.",
    "worker": "No worker was seen in the last minute. Uploads are stored and wait. Start one: make run, or "
    "celery --app aidetect worker.",
    "detector": "There is no detector that can be used, so nothing is judged. Run manage.py install_shipped.",
}
ON_DISK = {
    errno.ENOSPC: "The disk is full; uploads are not stored. Delete files or add space.",
    errno.EDQUOT: "The disk quota is used up; uploads are not stored. Delete files or raise the quota.",
    errno.EROFS: "The disk can only be read; uploads are not stored. Look into the system's log for disk errors.",
    errno.EACCES: "The folder for uploads can't be written; uploads are not stored. Check its owner and rights.",
}


@dataclass(frozen=True)
class Part:
    """trouble: short, fit for anybody, "" where all is well. sentence: what it means and what to do, for staff."""

    name: str
    trouble: str = ""
    sentence: str = ""


def part(name: str) -> Part:
    """Ask one part. The error itself goes to the log: it may name hosts."""
    try:
        said = CHECKS[name]()
    except Exception as error:
        logger.warning("readiness: %s failed: %s", name, error)
        on_disk = ON_DISK.get(getattr(error, "errno", None) or 0, "") if name == "storage" else ""
        return Part(name, f"failed: {type(error).__name__}", on_disk or CONSEQUENCES[name])
    return Part(name, said, CONSEQUENCES[name] if said else "")


def parts() -> list[Part]:
    return [part(name) for name in CHECKS]


# --- The queue --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Queue:
    """waiting: uploads; background: imports and whatever else waits for them. held_up: of both, those that the machine
    was in the way of and that are tried again later. oldest: when the upload came in that has waited longest."""

    waiting: int
    background: int
    analysing: int
    held_up: int
    failed_today: int
    oldest: datetime | None

    @property
    def oldest_age(self) -> timedelta:
        return max(timedelta(), timezone.now() - self.oldest) if self.oldest else timedelta()


def queue() -> Queue:
    now = timezone.now()
    waiting = Image.objects.filter(state=State.WAITING).order_by()
    # What is analysed again waits since that moment, which no row remembers; its age would be that of the upload.
    fresh = waiting.filter(Q(claimed_at=None) | Q(setbacks__gt=0), background=False, verdict=None)
    failed = Image.objects.filter(state=State.FAILED, claimed_at__gte=now - timedelta(days=1))
    return Queue(
        waiting=waiting.filter(background=False).count(),
        background=waiting.filter(background=True).count(),
        analysing=Image.objects.filter(state=State.ANALYSING).count(),
        held_up=waiting.filter(setbacks__gt=0, not_before__gt=now).count(),
        failed_today=failed.count(),
        oldest=fresh.aggregate(oldest=Min("created_at"))["oldest"],
    )


# --- The machine ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Disk:
    """A disk of this machine and what lies on it. free and total in bytes."""

    holds: str
    free: int
    total: int

    @property
    def sentence(self) -> str:
        """What is wrong with it: "" as long as one more upload surely fits."""
        if self.free < 1_000_000:
            return f"The disk with {self.holds} is full; uploads are not stored. Delete files or add space."
        if self.free < max(settings.MAX_UPLOAD_MB * 1_000_000, self.total // 50):
            return f"The disk with {self.holds} is nearly full: {filesizeformat(self.free)} left. Make room soon."
        return ""


def disks() -> list[Disk]:
    """The disks with uploads, database and working files, one each however many of them it holds."""
    places = {"uploads": Path(settings.MEDIA_ROOT), "working files": Path(settings.RUN_DIR)}
    if connection.vendor == "sqlite":
        places["the database"] = Path(str(connection.settings_dict["NAME"]))
    found: dict[int, tuple[list[str], Path]] = {}
    for name, place in places.items():
        there = next((one for one in [place, *place.absolute().parents] if one.exists()), Path("/"))
        found.setdefault(there.stat().st_dev, ([], there))[0].append(name)
    usages = [(" and ".join(names), shutil.disk_usage(place)) for names, place in found.values()]
    return [Disk(holds, usage.free, usage.total) for holds, usage in usages]


# --- What went wrong lately -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Failure:
    """Work that was given up. kind and number: the row's model and primary key."""

    kind: str
    number: int
    error: str
    at: datetime


def last_failures(most: int = 10) -> list[Failure]:
    """Images, imports, training runs and measurements that failed, the latest first."""
    images = Image.objects.filter(state=State.FAILED).exclude(claimed_at=None).order_by("-claimed_at")
    found = [Failure("image", image.pk, image.error, image.claimed_at) for image in images[:most] if image.claimed_at]
    for kind in (ImportBatch, TrainingRun, Measurement):
        jobs = kind._default_manager.filter(state=JobState.FAILED).exclude(finished_at=None).order_by("-finished_at")
        name = str(kind._meta.model_name)
        found += [Failure(name, job.pk, job.error, job.finished_at) for job in jobs[:most] if job.finished_at]
    return sorted(found, key=lambda failure: failure.at, reverse=True)[:most]


# --- All of it --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Status:
    parts: list[Part]
    queue: Queue
    disks: list[Disk]
    workers: int
    failures: list[Failure]

    @property
    def troubles(self) -> list[str]:
        """Everything that somebody should do something about; nothing twice."""
        # Workers are seen through Redis: without it nobody can tell.
        known = [part for part in self.parts if part.name != "worker" or not part.trouble.startswith("failed")]
        found = [*(part.sentence for part in known), *(disk.sentence for disk in self.disks)]
        late = self.queue.oldest_age
        if late > LONG_WAIT and self.workers:
            minutes = int(late.total_seconds() // 60)
            found.append(f"The oldest upload has waited for {minutes} minutes. Start further workers.")
        if count := self.queue.held_up:
            found.append(f"{count} image{pluralize(count)} could not be read or stored and will be tried again soon.")
        return list(dict.fromkeys(filter(None, found)))


def status() -> Status:
    """All facts. Where Redis is away, no worker is seen; the database has to be there."""
    return Status(parts(), queue(), disks(), _workers_seen(), last_failures())


def _workers_seen() -> int:
    try:
        return len(broker.workers_seen())
    except Exception:  # what is wrong with Redis is the business of its part
        return 0
