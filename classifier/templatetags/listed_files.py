"""The table of a batch's files."""

from dataclasses import dataclass

from django import template
from django.urls import reverse

from classifier.models import BatchItem
from classifier.results.batch_report import Table, Tally, why_not

register = template.Library()

PARTS = (
    ("all", "All", "received", ""),
    ("fake", "AI-generated", "fake", "FAKE"),
    ("real", "Real photograph", "real", "REAL"),
    ("inconclusive", "Inconclusive", "inconclusive", "INCONCLUSIVE"),
    ("failed", "Failed", "failed", ""),
    ("duplicates", "Duplicates", "duplicates", ""),
    ("refused", "Refused", "refused", ""),
)
COLUMNS = (("name", "File"), ("verdict", "Verdict"), ("score", "Score"), ("state", "Note"))


@dataclass(frozen=True)
class Part:
    name: str
    words: str
    count: int
    tone: str


@dataclass(frozen=True)
class Column:
    """next: the order that a click leads to."""

    words: str
    next: str
    order: str
    arrow: str


@register.filter
def parts(counts: Tally) -> list[Part]:
    """Those parts of the table that have files in them."""
    found = (Part(name, words, getattr(counts, count), tone) for name, words, count, tone in PARTS)
    return [part for part in found if part.count or part.name == "all"]


@register.filter
def columns(table: Table) -> list[Column]:
    return [_column(name, words, table.sort) for name, words in COLUMNS]


def _column(name: str, words: str, sort: str) -> Column:
    if sort == name:
        return Column(words, f"-{name}", "ascending", " ↑")
    return Column(words, name, "descending", " ↓") if sort == f"-{name}" else Column(words, name, "", "")


@register.filter
def note(item: BatchItem) -> str:
    """Why there is no verdict, or that the file was here before."""
    if item.image and item.duplicate:
        return "Duplicate"
    said = why_not(item, item.image)
    return f"{said[:1].upper()}{said[1:]}"


@register.simple_tag
def preview(item: BatchItem, token: str = "") -> str:
    """The address of a file's small picture; on the shared page, below its secret."""
    uuid = item.image.uuid if item.image else None
    return reverse("shared_batch_preview", args=[token, uuid]) if token else reverse("image_thumbnail", args=[uuid])
