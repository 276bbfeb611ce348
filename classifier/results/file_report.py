"""What is known about files on a disk, as rows of a table and as one page that needs nothing else."""

import base64
import io
from collections import Counter
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self, TypedDict, final

from django.template.loader import render_to_string
from django.utils import timezone
from PIL import Image

from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import Limits, read_rgb
from classifier.detector.labels import Outcome
from classifier.provenance.evidence import Told
from classifier.results.table import harmless

THUMBNAIL = (96, 96)


@final
class Result(TypedDict):
    """What is known about a file. The keys are a contract that other programs rely on; see docs/commands.md.
    milliseconds: its share of its batch."""

    path: str
    verdict: Outcome
    score: float
    detector: str
    milliseconds: float
    decided_by: str
    evidence: list[Told]


@final
class Unread(TypedDict):
    """A file that can't be read, and why."""

    path: str
    error: str


@dataclass(frozen=True)
class FileRow:
    """One file. score: P(REAL) from 0 to 1, None without one. evidence: sentences, joined by "; ". error: why there is
    no verdict, "" when there is one."""

    path: str
    verdict: str
    score: float | None
    decided_by: str
    detector: str
    bytes: int
    evidence: str
    error: str

    @classmethod
    def of(cls, result: Result | Unread) -> Self:
        """From what `worker.files.classify_files` says."""
        path = Path(result["path"])
        size = path.stat().st_size if path.is_file() else 0
        if "error" in result:
            return cls(result["path"], "", None, "", "", size, "", result["error"])
        said = "; ".join(piece["summary"] for piece in result["evidence"])
        decided = result["decided_by"]
        return cls(result["path"], result["verdict"], result["score"], decided, result["detector"], size, said, "")

    @classmethod
    def read(cls, cells: dict[str, str]) -> Self | None:
        """From a line of the table; None for one that was not written to its end."""
        if None in cells.values() or not cells["bytes"].isdecimal():
            return None
        told = {name: _unquoted(value) for name, value in cells.items()}
        score = float(told["score"]) if told["score"] else None
        return cls(**{**told, "score": score, "bytes": int(told["bytes"])})  # type: ignore[arg-type]

    @property
    def kind(self) -> str:
        return "error" if self.error else self.verdict

    def as_cells(self) -> dict[str, str | float | None]:
        """For the table; text that a spreadsheet would take for a formula gets an apostrophe in front."""
        return {name: _quoted(value) if isinstance(value, str) else value for name, value in asdict(self).items()}

    def as_line(self) -> str:
        if self.error:
            return f"{'error':<13} {'':<6} {self.path}: {self.error}"
        by = "" if self.decided_by == "network" else f"  (decided by {self.decided_by})"
        return f"{self.verdict:<13} {self.score:.3f}  {self.path}{by}"


COLUMNS = tuple(field.name for field in fields(FileRow))


def _quoted(text: str) -> str:
    """An apostrophe of its own is doubled, so that `_unquoted` gives back what was there."""
    return f"'{text}" if text.startswith("'") else harmless(text)


def _unquoted(text: str) -> str:
    return text.removeprefix("'")


def write(path: Path, rows: list[FileRow]) -> None:
    """The page: sortable, with thumbnails, in one file."""
    shown = [(row, _thumbnail(row)) for row in rows]
    counts = Counter(row.kind for row in rows).most_common()
    detector = next((row.detector for row in rows if row.detector), "")
    context = {"rows": shown, "counts": counts, "detector": detector, "made": timezone.localtime()}
    partial = path.with_name(f"{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(render_to_string("files/report.html", context), encoding="utf-8")
    partial.replace(path)


def _thumbnail(row: FileRow) -> str:
    """A small JPEG as a data address, "" where there is nothing to show."""
    if row.error:
        return ""
    try:
        image = read_rgb(Path(row.path), Limits())
    except (UnreadableImage, OSError):
        return ""
    image.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
