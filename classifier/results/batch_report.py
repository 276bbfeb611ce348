"""What became of a batch: counts, progress, and its files as a table."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.template.defaultfilters import pluralize

from classifier.intake import batching
from classifier.models import Batch, BatchItem, Image, Outcome, State
from classifier.results import time_left
from classifier.results.table import COLUMNS, cells_of, harmless

PAGE_SIZE = 100
COLUMNS_SORTED = {
    "": ("id",),
    "name": ("name", "id"),
    "verdict": ("image__outcome", "image__score", "id"),
    "score": ("image__score", "id"),
    "state": ("image__state", "error", "id"),
}
"""Columns by which the table can be put in order."""
SHOWN = {
    "all": Q(),
    "accepted": Q(image__isnull=False, duplicate=False),
    "duplicates": Q(duplicate=True),
    "refused": ~Q(error=""),
    **{outcome.lower(): Q(image__outcome=outcome, image__state=State.DONE) for outcome in Outcome.values},
    "failed": Q(image__state=State.FAILED),
}
"""Parts of the table."""


@dataclass(frozen=True)
class Tally:
    """Files of a batch. total: expected, where not all have arrived yet. accepted: new images; duplicates were there
    before; refused were no images; gone were deleted since. The rest counts images, duplicates too, by state."""

    total: int
    received: int
    accepted: int
    duplicates: int
    refused: int
    gone: int
    pending: int
    paused: int
    cancelled: int
    failed: int
    judged: int
    real: int
    fake: int
    inconclusive: int

    @property
    def settled(self) -> int:
        """Files about which nothing more will be known."""
        return self.received - self.pending - self.paused

    @property
    def in_words(self) -> str:
        """ "11 accepted, 1 duplicate, 2 refused" """
        parts = [f"{self.accepted} accepted"]
        if self.duplicates:
            parts.append(f"{self.duplicates} duplicate{pluralize(self.duplicates)}")
        if self.refused:
            parts.append(f"{self.refused} refused")
        return ", ".join(parts)

    @property
    def result(self) -> str:
        """ "13 pictures: 4 AI-generated, 7 real photographs, 2 inconclusive" """
        parts = [f"{self.fake} AI-generated", f"{self.real} real photograph{pluralize(self.real)}"]
        parts.append(f"{self.inconclusive} inconclusive")
        if self.failed:
            parts.append(f"{self.failed} could not be read")
        if self.cancelled:
            parts.append(f"{self.cancelled} cancelled")
        count = self.judged + self.failed + self.cancelled
        return f"{count} picture{pluralize(count)}: {', '.join(parts)}"


def tally(batch: Batch) -> Tally:
    images = {
        "pending": Q(image__state__in=[State.WAITING, State.ANALYSING]),
        "paused": Q(image__state=State.PAUSED),
        "cancelled": Q(image__state=State.CANCELLED),
        "failed": SHOWN["failed"],
        "judged": Q(image__state=State.DONE),
        **{outcome.lower(): SHOWN[outcome.lower()] for outcome in Outcome.values},
    }
    files = {name: SHOWN[name] for name in ("accepted", "duplicates", "refused")}
    counted = {**files, **images, "gone": Q(image=None, error="")}
    counts = batch.items.order_by().aggregate(
        received=Count("pk"), **{name: Count("pk", filter=condition) for name, condition in counted.items()}
    )
    return Tally(total=max(batch.expected, counts["received"]), **counts)


@dataclass(frozen=True)
class Progress:
    """arriving: further files are expected. seconds: until all of it is judged, None where nobody can tell."""

    tally: Tally
    arriving: bool
    working: bool
    seconds: float | None
    stopped_early: bool

    @property
    def left(self) -> str:
        return time_left.in_words(self.seconds or 0)

    @property
    def seen(self) -> str:
        """Changes whenever the page would."""
        counts = self.tally
        return f"{counts.received}-{counts.settled}-{counts.paused}-{int(self.arriving)}-{int(self.working)}"


def progress(batch: Batch) -> Progress:
    counts = tally(batch)
    arriving = batching.is_arriving(batch, counts.received)
    working = not batch.paused and (arriving or counts.pending > 0)
    short = counts.received < batch.expected and not arriving and not batch.is_cancelled
    return Progress(counts, arriving, working, _seconds_left(batch, counts) if working else None, short)


def _seconds_left(batch: Batch, counts: Tally) -> float | None:
    """Until the last image of it is judged: behind what others have waiting, for owners take turns."""
    last = batch.own_images.filter(state=State.WAITING).order_by("pk").last()
    position = last.queue_position() if last else counts.pending
    return time_left.estimate(position + counts.total - counts.received)


@dataclass(frozen=True)
class Table:
    items: list[BatchItem]
    part: str
    sort: str
    number: int
    pages: int
    count: int

    @property
    def query(self) -> str:
        return urlencode({"show": self.part, "sort": self.sort, "page": self.number})


def table(batch: Batch, query: Any) -> Table:
    """One page of the files. In the query: `show`, a part of SHOWN; `sort`, a column, with "-" the other way round;
    `page`. What is wrong there is left out."""
    part = query.get("show", "") if query.get("show") in SHOWN else "all"
    sort = query.get("sort", "") if query.get("sort", "").removeprefix("-") in COLUMNS_SORTED else ""
    chosen = batch.items.filter(SHOWN[part])
    count = chosen.count()
    pages = max(1, -(-count // PAGE_SIZE))
    number = _number(query.get("page", ""), pages)
    rows = with_images(chosen).order_by(*_order(sort))[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    return Table(list(rows), part, sort, number, pages, count)


def with_images(items: QuerySet[BatchItem]) -> QuerySet[BatchItem]:
    return items.select_related("image__verdict__detector").prefetch_related("image__evidence")


def _order(sort: str) -> tuple[str, ...]:
    columns = COLUMNS_SORTED[sort.removeprefix("-")]
    return tuple(f"-{name}" for name in columns) if sort.startswith("-") else columns


def _number(text: str, most: int) -> int:
    known = text.isascii() and text.isdigit() and len(text) < 7
    return min(most, max(1, int(text))) if known else 1


def csv_rows(items: Iterable[BatchItem]) -> Iterator[str]:
    """A line a file: its path, what became of it, why not, and the columns of the history's CSV."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    blank = [""] * len(COLUMNS)

    def line(cells: Iterable[Any]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([harmless(cell) for cell in cells])
        return buffer.getvalue()

    yield line(["path", "result", "why_not", *COLUMNS])
    for item in items:
        image = item.image
        yield line([item.name, word_for(item), why_not(item, image), *(cells_of(image) if image else blank)])


def word_for(item: BatchItem) -> str:
    """What became of a file."""
    if item.error:
        return "refused"
    if item.image is None:
        return "deleted"
    return "duplicate" if item.duplicate else "accepted"


def why_not(item: BatchItem, image: Image | None) -> str:
    return item.error or (image.error if image else "")
