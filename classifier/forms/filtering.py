"""The filters of the history, which live in the address. A wrong value in an old bookmark is left out, not refused."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_filters import CharFilter, ChoiceFilter, DateFilter, Filter, FilterSet, ModelChoiceFilter, NumberFilter

from classifier.models import Detector, Dispute, Evidence, ImageQuerySet, Outcome, State, Tag, Verdict
from classifier.results import tagging

KINDS = [
    ("c2pa", "Signed manifest (C2PA)"),
    ("iptc", "Declared source (IPTC, XMP)"),
    ("generator", "Generator's text"),
    ("camera", "Camera (EXIF)"),
    ("software", "Editing program"),
    ("jpeg", "JPEG history"),
]
SORTS = [("score", "Most likely AI first"), ("-score", "Most likely real first")]
DAYS = [MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(9000, 1, 1))]
"""No clock reaches further, and the next day and the other time zone of an extreme date would be no dates at all."""


class DayFilter(DateFilter):  # type: ignore[misc]
    """From the first moment of a day, or with "lt" until its last one, in the site's time zone."""

    def __init__(self, field_name: str, lookup_expr: str, label: str) -> None:
        widget = forms.DateInput(attrs={"type": "date"})
        super().__init__(field_name, lookup_expr, label=label, widget=widget, validators=DAYS)

    def filter(self, qs: ImageQuerySet, value: date | None) -> Any:
        if value is None:
            return qs
        day = value + timedelta(days=self.lookup_expr == "lt")
        return super().filter(qs, timezone.make_aware(datetime.combine(day, time.min)))


class TickFilter(Filter):  # type: ignore[misc]
    field_class = forms.BooleanField


def _score(lookup: str, label: str) -> Any:
    widget = forms.NumberInput(attrs={"step": "0.01", "min": "0", "max": "1"})
    return NumberFilter("score", lookup, label=label, min_value=0, max_value=1, widget=widget)


def _used_detectors(request: HttpRequest) -> QuerySet[Detector]:
    mine = Verdict.objects.filter(detector=OuterRef("pk"), image__owner=request.user.pk)
    return Detector.objects.filter(Exists(mine))


def _own_tags(request: HttpRequest) -> QuerySet[Tag]:
    return tagging.used_by(request.user.pk)


class HistoryFilter(FilterSet):  # type: ignore[misc]
    q = CharFilter("name", "icontains", label="File name", max_length=200)
    verdict = ChoiceFilter("outcome", label="Verdict", choices=Outcome.choices, empty_label="Any verdict")
    tag = ModelChoiceFilter(
        field_name="tags", label="Tag", queryset=_own_tags, to_field_name="name", empty_label="Any tag"
    )
    state = ChoiceFilter("state", label="State", choices=State.choices, empty_label="Any state")
    sort = ChoiceFilter(label="Order", choices=SORTS, empty_label="Newest first", method="unchanged")
    evidence = ChoiceFilter(
        label="Evidence in the file", choices=KINDS, empty_label="Any or none", method="with_evidence"
    )
    detector = ModelChoiceFilter(
        field_name="verdict__detector", label="Judged by", queryset=_used_detectors, to_field_name="version",
        empty_label="Any detector",
    )  # fmt: skip
    since = DayFilter("created_at", "gte", "Uploaded from")
    until = DayFilter("created_at", "lt", "Uploaded until")
    low = _score("gte", "Score from")
    high = _score("lte", "Score to")
    changed = DayFilter("changed_at", "gte", "Verdict changed since")
    disputed = TickFilter(label="Only what I disputed", method="with_dispute")

    def unchanged(self, images: ImageQuerySet, name: str, value: str) -> ImageQuerySet:
        """The order is a matter of the pages: see `results.listing`."""
        return images

    def with_evidence(self, images: ImageQuerySet, name: str, value: str) -> ImageQuerySet:
        return images.filter(Exists(Evidence.objects.filter(image=OuterRef("pk"), kind=value)))

    def with_dispute(self, images: ImageQuerySet, name: str, value: bool) -> ImageQuerySet:
        return images.filter(Exists(Dispute.objects.filter(image=OuterRef("pk")))) if value else images
