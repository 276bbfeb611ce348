"""The history list: filters, order, and pages that cost the same at row 1 and at row 100,000 (keyset, never OFFSET)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Q
from django.template.defaultfilters import pluralize
from django.utils import timezone
from django_filters import FilterSet

from classifier.models import Image, ImageQuerySet, Outcome

PAGE_SIZE = 24
COUNT_LIMIT = 1000
FURTHER = ("tag", "state", "evidence", "detector", "since", "until", "low", "high", "changed", "disputed")
"""Filters that are folded away until they are wanted."""
ORDERS: dict[str, tuple[str, ...]] = {"": ("-pk",), "score": ("score", "pk"), "-score": ("-score", "-pk")}
"""Columns of each order, the row number last, so that no two rows are equal."""


@dataclass(frozen=True)
class Day:
    """Images of a page that were uploaded on one day, in the site's time zone; without a heading in another order."""

    heading: str
    images: list[Image]


@dataclass(frozen=True)
class Page:
    """filters: what is in the address. verdicts: how many images of each verdict the other filters leave."""

    images: list[Image]
    filters: dict[str, str]
    count: int
    verdicts: dict[str, str]
    newer: str
    older: str

    @property
    def count_in_words(self) -> str:
        if self.count > COUNT_LIMIT:
            return f"more than {COUNT_LIMIT:,} images"
        return f"{self.count} image{pluralize(self.count)}"

    @property
    def further(self) -> tuple[str, ...]:
        return FURTHER

    @property
    def more(self) -> bool:
        """Whether a filter is set that is folded away."""
        return bool(set(FURTHER) & set(self.filters))

    @property
    def days(self) -> list[Day]:
        return [Day("", self.images)] if "sort" in self.filters else list(_by_day(self.images))

    @property
    def query(self) -> str:
        return urlencode(self.filters)


def page_of(chosen: FilterSet, query: Mapping[str, str]) -> Page:
    """One page. `before` and `after` in the query are the keys at its edges: the next page begins behind `before`."""
    filters = {name: chosen.data[name].strip() for name in _values(chosen)}
    order = _order(chosen)
    counts = _verdict_counts(chosen)
    everything = _narrowed(chosen)
    rows = everything.exclude(score=None) if "sort" in filters else everything
    rows = rows.select_related("verdict").prefetch_related("tags")
    before, after = _key(query.get("before"), order), _key(query.get("after"), order)
    if after is not None:
        backwards = tuple(name[1:] if name.startswith("-") else f"-{name}" for name in order)
        shown = list(rows.filter(_beyond(backwards, after)).order_by(*backwards)[: PAGE_SIZE + 1])
        has_newer, has_older = len(shown) > PAGE_SIZE, True
        shown = shown[:PAGE_SIZE][::-1]
    else:
        beyond = _beyond(order, before) if before is not None else Q()
        shown = list(rows.filter(beyond).order_by(*order)[: PAGE_SIZE + 1])
        has_newer, has_older = before is not None, len(shown) > PAGE_SIZE
        shown = shown[:PAGE_SIZE]
    return Page(
        images=shown,
        filters=filters,
        count=counts[filters["verdict"]] if "verdict" in filters else sum(counts.values()),
        verdicts={name: _in_words(count) for name, count in counts.items()},
        newer="?" + urlencode({**filters, "after": _as_key(shown[0], order)}) if has_newer and shown else "",
        older="?" + urlencode({**filters, "before": _as_key(shown[-1], order)}) if has_older and shown else "",
    )


def _by_day(images: list[Image]) -> Iterator[Day]:
    today = timezone.localdate()
    for day, found in groupby(images, lambda image: timezone.localdate(image.created_at)):
        yield Day(_day_in_words(day, today), list(found))


def _day_in_words(day: date, today: date) -> str:
    near = {today: "Today", today - timedelta(days=1): "Yesterday"}
    return near.get(day, f"{day:%A}, {day.day} {day:%B %Y}")


class BadCursor(ValueError):
    """A cursor that `rows_of` did not make, or made for another order."""


def rows_of(chosen: FilterSet, cursor: str, size: int) -> tuple[list[Image], str]:
    """For programs: up to `size` images behind the cursor, and the cursor of what follows, "" at the end. Counts
    nothing. Raises BadCursor."""
    order = _order(chosen)
    key = _key(cursor, order)
    if cursor and key is None:
        raise BadCursor(cursor)
    rows = _narrowed(chosen)
    rows = rows.exclude(score=None) if "sort" in _values(chosen) else rows
    rows = rows.filter(_beyond(order, key)) if key is not None else rows
    page = list(rows.select_related("verdict__detector").order_by(*order)[: size + 1])
    return page[:size], _as_key(page[size - 1], order) if len(page) > size else ""


def all_of(chosen: FilterSet) -> ImageQuerySet:
    """Every image that the filters leave, in their order; for the CSV."""
    return _narrowed(chosen).order_by(*_order(chosen))


def _values(chosen: FilterSet) -> dict[str, Any]:
    """What is set, by name of the filter; what is wrong is left out."""
    chosen.is_valid()
    return {name: value for name, value in chosen.form.cleaned_data.items() if value not in (None, "", False)}


def _narrowed(chosen: FilterSet, but: str = "") -> ImageQuerySet:
    """The images that all filters leave, or all but one."""
    images: ImageQuerySet = chosen.queryset
    for name, value in _values(chosen).items():
        if name != but:
            images = chosen.filters[name].filter(images, value)
    return images


def _order(chosen: FilterSet) -> tuple[str, ...]:
    return ORDERS[_values(chosen).get("sort", "")]


def _count(images: ImageQuerySet) -> int:
    return images.order_by()[: COUNT_LIMIT + 1].count()


def _in_words(count: int) -> str:
    return f"{COUNT_LIMIT:,}+" if count > COUNT_LIMIT else str(count)


def _verdict_counts(chosen: FilterSet) -> dict[str, int]:
    """How many images of each verdict, "" included, the filters but that of the verdict leave; each counted no further
    than COUNT_LIMIT. A file name is searched for in one pass over all rows instead."""
    rest = _narrowed(chosen, but="verdict")
    outcomes = ["", *Outcome.values]
    if "q" in _values(chosen):
        rows = rest.order_by().values_list("outcome").annotate(count=Count("pk"))
        return dict.fromkeys(outcomes, 0) | dict(rows)
    return {outcome: _count(rest.filter(outcome=outcome)) for outcome in outcomes}


def _beyond(order: tuple[str, ...], key: tuple[float, int] | tuple[int]) -> Q:
    """Rows behind a key in an order of one or two columns."""
    names = [name.lstrip("-") for name in order]
    comparisons = ["lt" if name.startswith("-") else "gt" for name in order]
    beyond = Q(**{f"{names[0]}__{comparisons[0]}": key[0]})
    if len(order) == 2:
        beyond |= Q(**{names[0]: key[0], f"{names[1]}__{comparisons[1]}": key[-1]})
    return beyond


def _as_key(image: Image, order: tuple[str, ...]) -> str:
    return str(image.pk) if len(order) == 1 else f"{image.score!r}:{image.pk}"


def _key(text: str | None, order: tuple[str, ...]) -> tuple[float, int] | tuple[int] | None:
    """A key as `_as_key` writes it; None for anything else."""
    score, _, number = (text or "").rpartition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19) or bool(score) != (len(order) == 2):
        return None
    try:
        return (float(score), int(number)) if score else (int(number),)
    except ValueError:
        return None


def uuids(values: list[str]) -> list[str]:
    """Those that are UUIDs."""
    known = []
    for value in values:
        try:
            known.append(str(UUID(value)))
        except ValueError:
            continue
    return known
