"""Labelled pictures that staff bring in, from a zip or a folder, a few at a time; what is interrupted goes on."""

import csv
import io
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from classifier import wakeups
from classifier.detector.errors import DatasetError, UnreadableImage
from classifier.detector.images.decoding import verify
from classifier.detector.labels import CLASS_NAMES
from classifier.intake import submitting
from classifier.intake.checks import clean_name, limits, size_in_words
from classifier.intake.submitting import CheckedFile
from classifier.labelling import ground_truth
from classifier.models import GroundTruth, ImportBatch, JobState

BATCH = 50
MOST_FILES = 200_000
MOST_COMPLAINTS = 1000
TABLES = ("manifest.csv", "metadata.csv")


@dataclass(frozen=True)
class Entry:
    """One picture of an import. name: its path inside the zip or the folder."""

    name: str
    label: str
    source: str = ""
    license: str = ""


class Archive:
    """A zip; nothing of it is ever unpacked to a path of its own choosing."""

    def __init__(self, place: Any) -> None:
        try:
            self.zip = zipfile.ZipFile(place)
        except (zipfile.BadZipFile, OSError) as error:
            raise DatasetError(
                f"expected a zip with REAL/ and FAKE/ in it; this file can't be opened ({error})"
            ) from error

    def names(self) -> list[str]:
        return [info.filename for info in self.zip.infolist() if not info.is_dir()]

    def read(self, name: str) -> bytes:
        """At most one byte more than an upload may have. Raises UnreadableImage."""
        try:
            with self.zip.open(name) as file:
                return file.read(_most_bytes() + 1)
        except (
            zipfile.BadZipFile,
            RuntimeError,
            NotImplementedError,
            OSError,
            EOFError,
            KeyError,
            ValueError,
        ) as error:
            raise UnreadableImage("damaged", f"it can't be unpacked ({error})") from error
        except Exception as error:  # zlib.error and its like
            raise UnreadableImage("damaged", f"it is damaged inside the zip ({error})") from error


class Folder:
    """A folder on the server's own disk; only commands name one."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise DatasetError(f"expected a folder with REAL/ and FAKE/ in it; {path} is not a folder")

    def names(self) -> list[str]:
        return [str(path.relative_to(self.path)) for path in sorted(self.path.rglob("*")) if path.is_file()]

    def read(self, name: str) -> bytes:
        try:
            with (self.path / name).open("rb") as file:
                return file.read(_most_bytes() + 1)
        except OSError as error:
            raise UnreadableImage("damaged", f"it can't be read ({error.strerror})") from error


def _most_bytes() -> int:
    return int(settings.MAX_UPLOAD_MB * 1_000_000)


def start(owner: User, license: str, source: str = "", archive: Any = None, folder: str = "") -> ImportBatch:
    """Take in a zip, whose pictures a worker brings in when no upload waits, or a folder, for `run`. An unfinished
    import of the same folder goes on. Raises DatasetError when there is no picture below REAL or FAKE."""
    unfinished: ImportBatch | None = ImportBatch.objects.open().filter(folder=folder, owner=owner).first()
    if folder and unfinished:
        return unfinished
    batch = ImportBatch(owner=owner, by=owner, license=license, source=source, folder=folder)
    if archive is not None:
        batch.archive.save("import.zip", archive, save=False)
    try:
        batch.progress = {"total": len(_entries(*_place_of(batch)))}
    except DatasetError:
        if batch.archive:
            batch.archive.delete(save=False)
        raise
    batch.save()
    wakeups.wake_workers()
    return batch


def check_archive(file: Any) -> None:
    """Raises DatasetError unless an uploaded file is a zip that holds something to bring in."""
    _entries_in(Archive(file))
    file.seek(0)


def cancel(batch: ImportBatch) -> bool:
    """Stop an import; what was brought in stays, the zip is deleted. False when it had ended already."""
    if not batch.cancel():
        return False
    if batch.archive:
        batch.archive.delete(save=False)
        ImportBatch.objects.filter(pk=batch.pk).update(archive="")
    return True


def entries_of(batch: ImportBatch) -> list[Entry]:
    """What there is to bring in, always in the same order. Raises DatasetError."""
    return _remembered(batch.pk, *_place_of(batch))


def _place_of(batch: ImportBatch) -> tuple[str, str]:
    return ("zip", batch.archive.path) if batch.archive else ("folder", batch.folder)


@lru_cache(maxsize=2)
def _remembered(number: int, kind: str, path: str) -> list[Entry]:
    """By number of the import: what lies in the folder may be another thing at the next."""
    return _entries(kind, path)


def _opened(kind: str, path: str) -> Archive | Folder:
    return Archive(path) if kind == "zip" else Folder(path)


def _entries(kind: str, path: str) -> list[Entry]:
    return _entries_in(_opened(kind, path))


def _entries_in(place: Archive | Folder) -> list[Entry]:
    names = place.names()
    if len(names) > MOST_FILES:
        raise DatasetError(f"expected at most {MOST_FILES:,} files; there are {len(names):,}. Bring them in parts")
    table = next((name for name in names if PurePosixPath(name).name in TABLES and name.count("/") <= 1), None)
    found = _listed(place, table, set(names)) if table else [entry for name in names if (entry := _placed(name))]
    if not found:
        raise DatasetError("expected pictures below folders named REAL and FAKE, or a manifest.csv with path and label")
    return found


def _placed(name: str) -> Entry | None:
    parts = PurePosixPath(name).parts
    at = next((i for i, part in enumerate(parts[:-1]) if part.upper() in CLASS_NAMES), None)
    if at is None or parts[-1].startswith(".") or "__MACOSX" in parts:
        return None
    return Entry(name, parts[at].upper(), parts[at + 1] if len(parts) > at + 2 else "")


def _listed(place: Archive | Folder, table: str, names: set[str]) -> list[Entry]:
    base = PurePosixPath(table).parent
    text = place.read(table).decode("utf-8-sig", "replace")
    found = []
    for line in csv.DictReader(io.StringIO(text)):
        path, label = line.get("path") or line.get("file_name") or "", (line.get("label") or "").upper()
        name = str(base / path)
        if label not in CLASS_NAMES or not path:
            raise DatasetError(f"{table}: expected columns path (or file_name) and label REAL or FAKE; received {line}")
        if name not in names:
            raise DatasetError(f"{table}: {path!r} is not among the files")
        found.append(Entry(name, label, line.get("source") or "", line.get("license") or ""))
    return found


def step(only: int | None = None) -> bool:
    """Bring in the next few pictures of the oldest zip, or of `only` that import: a folder is where its command runs,
    maybe not where a worker does. False: there is nothing to do."""
    batches = ImportBatch.objects.filter(pk=only) if only else ImportBatch.objects.filter(folder="")
    batch = batches.claim_next()
    if batch is None:
        return False
    try:
        entries = entries_of(batch)
        place = _opened(*_place_of(batch))
    except DatasetError as error:
        batch.finish(JobState.FAILED, error=str(error)[:600])
        return True
    here = entries[batch.cursor : batch.cursor + BATCH]
    with transaction.atomic():
        for entry in here:
            _bring(batch, place, entry)
        done = batch.cursor + len(here)
        ended = {"state": JobState.DONE if done >= len(entries) else JobState.WAITING, "attempts": 0}
        progress = {**batch.progress, "total": len(entries), "done": done}
        counts = {"added": batch.added, "duplicates": batch.duplicates, "complaints": batch.complaints}
        if not batch.update_mine(cursor=done, progress=progress, **counts, **ended, claim=None):
            transaction.set_rollback(True)  # cancelled meanwhile
            return True
    if done >= len(entries):
        ImportBatch.objects.filter(pk=batch.pk).update(finished_at=timezone.now(), archive="")
        if batch.archive:
            batch.archive.delete(save=False)
    return True


def run(batch: ImportBatch, on_file: Callable[[int, int], None]) -> ImportBatch:
    """Bring all of it in now; waits for the claim of a command that was killed to end."""
    while batch.is_open:
        if not step(batch.pk):
            time.sleep(0.5)
        batch.refresh_from_db()
        on_file(max(1, batch.cursor), max(1, batch.progress["total"]))
    return batch


def _bring(batch: ImportBatch, place: Archive | Folder, entry: Entry) -> None:
    name = clean_name(entry.name)
    try:
        data = place.read(entry.name)
        if len(data) > _most_bytes():
            limit = size_in_words(_most_bytes())
            raise UnreadableImage("bytes", f"it is larger than {limit}")
        header = verify(io.BytesIO(data), limits())
    except UnreadableImage as error:
        _complain(batch, f"{entry.name}: {error}")
        return
    source = (batch.source or entry.source or f"import {batch.pk}")[:100]
    told = {"source": source, "license": (entry.license or batch.license)[:200]}
    checked = CheckedFile(ContentFile(data), name, header)
    submission = submitting.submit(batch.owner, checked, consent=True, background=True, **told)
    if not submission.created:
        batch.duplicates += 1
        if submission.image.label not in ("", entry.label):
            _complain(batch, f"{entry.name}: it is here already, labelled {submission.image.label}; that stays")
        return
    batch.added += 1
    ground_truth.label_imported(submission.image, batch.by, GroundTruth(entry.label), f"import {batch.pk}: {source}")


def _complain(batch: ImportBatch, sentence: str) -> None:
    if len(batch.complaints) < MOST_COMPLAINTS:
        batch.complaints.append(sentence[:300])
    elif len(batch.complaints) == MOST_COMPLAINTS:
        batch.complaints.append("… and more.")
