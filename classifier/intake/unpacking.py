"""Zips of pictures, unpacked by a worker a few files at a time; what is interrupted goes on at the next file."""

import io

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.db import transaction
from django.utils import timezone

from classifier.detector.data.collection import Archive, Collection
from classifier.detector.errors import DatasetError, UnreadableImage
from classifier.detector.images.decoding import verify
from classifier.intake import submitting
from classifier.intake.checks import advised, clean_name, clean_path, limits, size_in_words
from classifier.intake.quotas import OverQuota
from classifier.intake.submitting import CheckedFile
from classifier.models import Batch, BatchItem, Image, JobState

STEP = 16
"""How many files are unpacked before the worker looks for uploads again."""


class Interrupted(Exception):
    """The zip is no longer ours: its batch was paused, cancelled or deleted, or another worker has it."""


def count_files(archive: "File[bytes]") -> int:
    """How many files a zip holds. Raises DatasetError when there is none, or more than a batch may have, or when it
    would unpack to more than MAX_BATCH_MB; what a zip declares is what is unpacked of it at most."""
    opened = Archive(archive)
    names, most = opened.names(), settings.MAX_BATCH_FILES
    if not names:
        raise DatasetError("expected a zip with pictures in it; this one is empty")
    if len(names) > most:
        raise DatasetError(f"expected at most {most:,} files in a zip; there are {len(names):,}: split it")
    if (size := opened.unpacked_size()) > settings.MAX_BATCH_MB * 1_000_000:
        raise DatasetError(
            f"expected a zip that unpacks to at most {settings.MAX_BATCH_MB:,g} MB; "
            f"this one unpacks to {size_in_words(size)}: split it"
        )
    return len(names)


def checked_from(place: Collection, name: str) -> CheckedFile:
    """One picture of a collection. Raises UnreadableImage for what an upload would be refused for."""
    most = int(settings.MAX_UPLOAD_MB * 1_000_000)
    data = place.read(name, most + 1)
    if len(data) > most:
        raise UnreadableImage("bytes", f"it is larger than {size_in_words(most)}")
    return CheckedFile(ContentFile(data), clean_name(name), verify(io.BytesIO(data), limits()))


def step() -> bool:
    """Unpack the next few files of the oldest zip. False: there is nothing to unpack."""
    batch = Batch.objects.filter(paused=False).claim_next()
    if batch is None:
        return False
    try:
        _step(batch)
    except DatasetError as error:
        _opened.close()
        batch.finish(JobState.FAILED, error=str(error)[:600])
    except FileNotFoundError:
        batch.finish(JobState.FAILED, error="the stored zip is missing")
    except Interrupted:
        _opened.close()
    except Exception as error:
        if not batch.put_off(error):
            raise
    return True


class _Opened:
    """The zip that is being unpacked stays open from one step to the next: from an object store it is fetched whole."""

    def __init__(self) -> None:
        self.name = ""
        self.file: File[bytes] | None = None

    def archive(self, batch: Batch) -> Archive:
        if self.file is None or self.name != batch.archive.name:
            self.close()
            self.name, self.file = str(batch.archive.name), batch.archive.storage.open(str(batch.archive.name), "rb")
        return Archive(self.file)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
        self.name, self.file = "", None


_opened = _Opened()


def _step(batch: Batch) -> None:
    place = _opened.archive(batch)
    names = place.names()
    for name in names[batch.cursor : batch.cursor + STEP]:
        _unpack(batch, place, name)
    _hand_back(batch, len(names))


def _hand_back(batch: Batch, total: int) -> None:
    archive, done = batch.archive, batch.cursor >= total
    ended = {"state": JobState.DONE, "finished_at": timezone.now(), "archive": ""} if done else {}
    name = archive.name
    if batch.hand_back(**ended, attempts=0) and done and name:
        _opened.close()
        archive.storage.delete(name)


def _unpack(batch: Batch, place: Archive, name: str) -> None:
    """Raises Interrupted. A file that has killed a worker on every try but the last is left out then."""
    path = clean_path(name)
    try:
        if batch.attempts >= settings.MAX_ATTEMPTS:
            raise UnreadableImage("interrupted", "reading it was interrupted several times")
        checked = checked_from(place, name)
    except UnreadableImage as error:
        return _leave_out(batch, path, advised(error))

    def list_it(image: Image) -> None:
        BatchItem.objects.create(batch=batch, name=path, image=image)
        _move_on(batch)

    try:
        submission = submitting.submit(batch.owner, checked, batch.consent, list_it, bulk=True)
    except OverQuota as error:
        return _leave_out(batch, path, error.sentence)
    if not submission.created:
        with transaction.atomic():
            BatchItem.objects.create(batch=batch, name=path, image=submission.image, duplicate=True)
            _move_on(batch)
    return None


def _leave_out(batch: Batch, path: str, reason: str) -> None:
    with transaction.atomic():
        BatchItem.objects.create(batch=batch, name=path, error=reason[:400])
        _move_on(batch)


def _move_on(batch: Batch) -> None:
    if not batch.update_mine(cursor=batch.cursor + 1, attempts=1, setbacks=0):
        raise Interrupted
