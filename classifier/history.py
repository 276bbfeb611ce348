"""The history list: filters, and pages that cost the same at row 1 and at row 100,000 (keyset, never OFFSET)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.template.defaultfilters import pluralize

from classifier.forms import HistoryForm
from classifier.models import Image, ImageQuerySet

PAGE_SIZE = 24
COUNT_LIMIT = 1000


@dataclass(frozen=True)
class Page:
    images: list[Image]
    filters: dict[str, str]
    count: int
    newer: str
    older: str

    @property
    def count_in_words(self) -> str:
        if self.count > COUNT_LIMIT:
            return f"more than {COUNT_LIMIT:,} images"
        return f"{self.count} image{pluralize(self.count)}"


def page_of(images: ImageQuerySet, form: HistoryForm, query: Mapping[str, str]) -> Page:
    """One page, newest first. `before` and `after` in the query are the row numbers at its edges."""
    filters = _filters(form)
    images = _filtered(images, filters)
    before, after = _number(query.get("before")), _number(query.get("after"))
    rows = images.select_related("verdict")
    if after is not None:
        chosen = list(rows.filter(pk__gt=after).order_by("pk")[: PAGE_SIZE + 1])
        has_newer, has_older = len(chosen) > PAGE_SIZE, True
        chosen = chosen[:PAGE_SIZE][::-1]
    else:
        chosen = list((rows.filter(pk__lt=before) if before is not None else rows).order_by("-pk")[: PAGE_SIZE + 1])
        has_newer, has_older = before is not None, len(chosen) > PAGE_SIZE
        chosen = chosen[:PAGE_SIZE]
    return Page(
        images=chosen,
        filters=filters,
        count=images.order_by()[: COUNT_LIMIT + 1].count(),
        newer="?" + urlencode({**filters, "after": chosen[0].pk}) if has_newer and chosen else "",
        older="?" + urlencode({**filters, "before": chosen[-1].pk}) if has_older and chosen else "",
    )


def _filters(form: HistoryForm) -> dict[str, str]:
    """Only what is valid and not empty; a wrong value in an old bookmark is left out rather than refused."""
    form.is_valid()
    return {name: value for name, value in form.cleaned_data.items() if value}


def _filtered(images: ImageQuerySet, filters: dict[str, str]) -> ImageQuerySet:
    if "q" in filters:
        images = images.filter(name__icontains=filters["q"])
    if "verdict" in filters:
        images = images.filter(outcome=filters["verdict"])
    if "state" in filters:
        images = images.filter(state=filters["state"])
    return images


def _number(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 19 else None


def is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True
