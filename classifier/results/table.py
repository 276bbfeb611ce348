"""The history as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from classifier.models import Image

COLUMNS = (
    "file", "uploaded", "state", "verdict", "decided_by", "score", "detector", "analysed", "reason", "evidence",
    "previous_verdict", "verdict_changed", "format", "width", "height", "bytes", "sha256", "consent", "tags",
)  # fmt: skip


def csv_rows(images: Iterable[Image]) -> Iterator[str]:
    """Lines of a CSV file, header first. Cells that a spreadsheet would run as a formula get an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)

    def line(cells: Iterable[Any]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([harmless(cell) for cell in cells])
        return buffer.getvalue()

    yield line(COLUMNS)
    for image in images:
        yield line(cells_of(image))


def cells_of(image: Image) -> list[Any]:
    """The values of COLUMNS."""
    verdict = image.verdict
    return [
        image.name,
        image.created_at.isoformat(),
        image.state,
        image.outcome,
        image.decided_by,
        "" if image.score is None else f"{image.score:.4f}",
        verdict.detector.version if verdict else "",
        verdict.created_at.isoformat() if verdict else "",
        verdict.reason if verdict else "",
        " ".join(sorted({piece.kind for piece in image.evidence.all()})),
        image.previous,
        image.changed_at.isoformat() if image.changed_at else "",
        image.format,
        image.width,
        image.height,
        image.size,
        image.sha256,
        "yes" if image.consent else "no",
        ", ".join(tag.name for tag in image.tags.all()),
    ]


def harmless(cell: Any) -> str:
    """A cell that no spreadsheet runs as a formula."""
    text = str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
