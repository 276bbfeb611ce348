"""Labelled pictures that staff import from a zip or a folder, a few at a time; what is interrupted goes on."""

import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from aidetect import copies
from classifier import wakeups
from classifier.detector.data import collection
from classifier.detector.data.collection import Collection, Entry, open_collection
from classifier.detector.errors import DatasetError, UnreadableImage
from classifier.intake import submitting, unpacking
from classifier.labelling import ground_truth
from classifier.models import GroundTruth, Image, ImportBatch, JobState, Progress, remove_files
from classifier.models.claims import require_mounted

BATCH = 50
"""How many pictures are imported before the worker looks for uploads again."""
MOST_FILES = 200_000
MOST_COMPLAINTS = 1000


class Cancelled(Exception):
    """The import is no longer ours: it was cancelled, or another worker has it."""


def start(owner: User, license: str, source: str = "", archive: Any = None, folder: str = "") -> ImportBatch:
    """Take in a zip, whose pictures a worker imports when no upload waits, or a folder, for `run`. An unfinished import
    of the same folder goes on. Raises DatasetError when there is no picture below REAL or FAKE."""
    unfinished: ImportBatch | None = ImportBatch.objects.open().filter(folder=folder, owner=owner).first()
    if folder and unfinished:
        return unfinished
    batch = ImportBatch(owner=owner, by=owner, license=license, source=source, folder=folder)
    if archive is not None:
        batch.archive.save("import.zip", archive, save=False)
    try:
        batch.progress = Progress(total=len(_entries_in(open_collection(_place_of(batch)))))
    except DatasetError:
        if batch.archive:
            remove_files([(batch.archive.storage, batch.archive.name)])
        raise
    batch.save()
    wakeups.wake_workers()
    return batch


def check_archive(file: Any) -> None:
    """Raises DatasetError unless an uploaded file is a zip that holds something to import."""
    _entries_in(open_collection(file))
    file.seek(0)


def cancel(batch: ImportBatch) -> bool:
    """Stop an import; what was brought in stays, the zip is deleted. False when it had ended already."""
    if not batch.cancel():
        return False
    if batch.archive:
        remove_files([(batch.archive.storage, batch.archive.name)])
        ImportBatch.objects.filter(pk=batch.pk).update(archive="")
    return True


def _place_of(batch: ImportBatch) -> Path:
    """Raises DatasetError when the zip is gone."""
    if not batch.archive:
        return Path(batch.folder)
    name = str(batch.archive.name)
    try:
        return copies.on_disk(name, _copy_of(name))
    except FileNotFoundError as error:
        raise DatasetError("the zip is gone from the file storage; import it again") from error


def _copy_of(name: str) -> Path:
    return copies.fetched("imports") / Path(name).name


def _drop_copies() -> None:
    """Copies of zips whose import has ended, here or on another machine."""
    if copies.is_remote() and (folder := copies.fetched("imports")).is_dir():
        wanted = {_copy_of(name).name for name in ImportBatch.objects.open().values_list("archive", flat=True)}
        for path in folder.iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)


@lru_cache(maxsize=2)
def _entries_of(number: int, place: Path) -> list[Entry]:
    """What there is to import, always in the same order. By number of the import: at the next, something else may lie
    in the folder. Raises DatasetError."""
    return _entries_in(open_collection(place))


def _entries_in(place: Collection) -> list[Entry]:
    entries = collection.entries_of(place)
    if len(entries) > MOST_FILES:
        raise DatasetError(
            f"expected at most {MOST_FILES:,} pictures; there are {len(entries):,}: import them in parts"
        )
    if not entries:
        raise DatasetError("expected pictures below folders named REAL and FAKE, or a manifest.csv with path and label")
    return entries


def step(only: int | None = None) -> bool:
    """Import the next few pictures of the oldest zip, or of `only` that import: a folder is where its command runs,
    maybe not where a worker does. False: there is nothing to do.

    A picture is read and decoded first; then its row, its label and the import's count are written in one short
    transaction, so that nobody else waits for the database and what is interrupted goes on at the next picture."""
    batches = ImportBatch.objects.filter(pk=only) if only else ImportBatch.objects.filter(folder="")
    batch = batches.claim_next()
    if batch is None:
        _drop_copies()
        return False
    try:
        _step(batch)
    except DatasetError as error:
        batch.finish(JobState.FAILED, error=str(error)[:600])
    except Cancelled:
        pass
    except Exception as error:
        if not batch.put_off(error):
            raise
    return True


def _step(batch: ImportBatch) -> None:
    require_mounted(_place_of(batch))
    entries = _entries_of(batch.pk, _place_of(batch))
    place = open_collection(_place_of(batch))
    started = time.monotonic()
    for entry in entries[batch.cursor : batch.cursor + BATCH]:
        _import_picture(batch, place, entry)
    _hand_back(batch, len(entries), time.monotonic() - started)


def _hand_back(batch: ImportBatch, total: int, seconds: float) -> None:
    """Let the worker look for uploads; an import that is through drops its zip. seconds: spent on this piece."""
    archive, done = batch.archive, batch.cursor >= total
    ended = {"state": JobState.DONE, "finished_at": timezone.now(), "archive": ""} if done else {}
    progress = {**batch.progress, "seconds": batch.progress.get("seconds", 0) + seconds}
    if batch.hand_back(**ended, attempts=0, progress=progress) and done and archive:
        remove_files([(archive.storage, archive.name)])


def run(batch: ImportBatch, on_file: Callable[[int, int], None]) -> ImportBatch:
    """Import all of it now; waits for the claim of a command that was killed to end."""
    while batch.is_open:
        if not step(batch.pk):
            time.sleep(0.5)
        batch.refresh_from_db()
        on_file(max(1, batch.cursor), max(1, batch.progress["total"]))
    return batch


def _import_picture(batch: ImportBatch, place: Collection, entry: Entry) -> None:
    """Raises Cancelled."""
    try:
        checked = unpacking.checked_from(place, entry.name)
    except UnreadableImage as error:
        _count(batch, complaint=f"{entry.name}: {error}")
        return
    source = (batch.source or entry.source or f"import {batch.pk}")[:100]
    told = {"source": source, "license": (entry.license or batch.license)[:200]}

    def label_and_count(image: Image) -> None:
        ground_truth.label_imported(image, batch.by, GroundTruth(entry.label), f"import {batch.pk}: {source}")
        _count(batch, added=1)

    submission = submitting.submit(batch.owner, checked, True, label_and_count, background=True, **told)
    if not submission.created:
        kept = submission.image.label
        other = (
            f"{entry.name}: it is here already, labelled {kept}; that stays" if kept not in ("", entry.label) else ""
        )
        _count(batch, duplicates=1, complaint=other)


def _count(batch: ImportBatch, added: int = 0, duplicates: int = 0, complaint: str = "") -> None:
    """Count one more picture as done. attempts: the next one has all of its attempts. Raises Cancelled."""
    cursor = batch.cursor + 1
    values: dict[str, object] = {
        "cursor": cursor,
        "progress": {**batch.progress, "done": cursor},
        "attempts": 1,
        "setbacks": 0,
    }
    values |= {"added": batch.added + added, "duplicates": batch.duplicates + duplicates}
    if complaint and len(batch.complaints) <= MOST_COMPLAINTS:
        full = len(batch.complaints) == MOST_COMPLAINTS
        values["complaints"] = [*batch.complaints, "… and more." if full else complaint[:300]]
    if not batch.update_mine(**values):
        raise Cancelled
