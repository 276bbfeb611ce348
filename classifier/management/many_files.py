"""`aidetect classify`: any number of files, with a table that survives an interruption and a page to look at."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from classifier.detector.errors import DetectorError
from classifier.management.keras_command import native_notes
from classifier.registry import detectors
from classifier.results import file_report
from classifier.results.file_report import COLUMNS, FileRow, Result, Unread

SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif",
    ".mpo", ".jxl", ".dng",
}  # fmt: skip
"""What counts as a picture inside a folder. A file that is named itself is always looked at."""
SOME_FAILED = 3
INTERRUPTED = 130


@dataclass(frozen=True)
class Errand:
    """What was asked for. fail_on: lower-case verdicts, or "error"."""

    paths: Sequence[Path]
    recursive: bool = False
    csv: Path | None = None
    html: Path | None = None
    json: bool = False
    quick: bool = False
    fail_on: set[str] = field(default_factory=set)


def run(errand: Errand) -> int:
    """Do it, and return the exit code. Raises CommandError."""
    files = list(_pictures(errand.paths, errand.recursive))
    if not files:
        raise CommandError("there are no pictures; folders inside folders are looked through with --recursive")
    journal = _journal(errand)
    known = _read(journal) if journal else {}
    rows = {str(file): known[str(file)] for file in files if _still(known.get(str(file)), file)}
    if rows:
        _tell(f"{len(rows)} of {len(files)} are in {journal} already")
    interrupted = False
    try:
        with native_notes(Path(settings.MEDIA_ROOT) / "native.log"):
            _judge(errand, [file for file in files if str(file) not in rows], rows, journal)
    except DetectorError as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        interrupted = True
        _tell(
            f"Stopped after {len(rows)} of {len(files)}. The same command goes on from there."
            if journal
            else "Stopped."
        )
    finished = [rows[str(file)] for file in files if str(file) in rows]
    if errand.html:
        file_report.write(errand.html, finished)
        _tell(f"Report: {errand.html}")
    if interrupted:
        return INTERRUPTED
    if journal and journal != errand.csv:
        journal.unlink(missing_ok=True)
    return _close(errand, finished)


def _pictures(paths: Sequence[Path], recursive: bool) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = path.rglob("*") if recursive else path.glob("*")
        yield from sorted(file for file in inside if file.suffix.lower() in SUFFIXES and file.is_file())


def _journal(errand: Errand) -> Path | None:
    """The table that is written as it goes: the person's own, or one beside the page until that is complete."""
    if errand.csv or not errand.html:
        return errand.csv
    return errand.html.with_name(f".{errand.html.name}.partial.csv")


def _read(journal: Path) -> dict[str, FileRow]:
    """What an earlier run wrote, by path. Raises CommandError for a file that is none of ours."""
    if not journal.is_file() or not journal.stat().st_size:
        return {}
    with journal.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise CommandError(f"{journal} is there already and is no table of this command's; choose another name")
        rows = [FileRow.read(line) for line in reader]
    return {row.path: row for row in rows if row}


def _still(row: FileRow | None, file: Path) -> bool:
    """Whether it was judged, and is as large as it was then."""
    return row is not None and not row.error and file.is_file() and file.stat().st_size == row.bytes


def _judge(errand: Errand, files: list[Path], rows: dict[str, FileRow], journal: Path | None) -> None:
    """Adds a row a file to `rows` and to the journal."""
    from classifier.worker.files import classify_files

    detector = detectors.shipped("quick" if errand.quick else "")
    with ExitStack() as stack:
        table = stack.enter_context(_appending(journal, rows)) if journal else None
        bar = stack.enter_context(
            tqdm(total=len(files), unit="picture", disable=not sys.stderr.isatty() or len(files) < 2)
        )
        for result in classify_files(detector, map(str, files)):
            row = FileRow.of(result)
            if table:
                csv.DictWriter(table, COLUMNS).writerow(row.as_cells())
                table.flush()
            rows[row.path] = row
            bar.update()
            _show(errand, result, row)


def _appending(journal: Path, rows: dict[str, FileRow]) -> Any:
    """The journal with what still holds of it, open for more. A line that a killed run left unfinished is gone."""
    partial = journal.with_name(f"{journal.name}.partial")
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(row.as_cells() for row in rows.values())
        partial.replace(journal)
        return journal.open("a", encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(f"{journal} can't be written ({error.strerror})") from error


def _show(errand: Errand, result: Result | Unread, row: FileRow) -> None:
    if errand.json:
        line = json.dumps(result, ensure_ascii=False)
    elif errand.csv or errand.html:
        return
    else:
        line = row.as_line()
    with tqdm.external_write_mode():
        print(line, flush=True)


def _close(errand: Errand, rows: list[FileRow]) -> int:
    counts = Counter(row.kind for row in rows)
    _tell(", ".join(f"{count} {kind}" for kind, count in counts.most_common()))
    for row in rows:
        if row.error and (errand.csv or errand.html):
            _tell(f"{row.path}: {row.error}")
    if counts["error"] == len(rows):
        return 1
    return SOME_FAILED if errand.fail_on & {kind.lower() for kind in counts} else 0


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
