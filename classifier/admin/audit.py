"""The audit log, to be read only."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from classifier.admin.lists import ReadOnly
from classifier.models import AuditedImage, AuditEntry

SHOWN = 12
"""How many images an entry in the list names."""


def _link(kind: str, number: int, text: str) -> SafeString | str:
    """To the row's page, where it has one; whoever may not open it, or whose row is gone, is told there."""
    for app in ("classifier", "auth"):
        try:
            return format_html('<a href="{}">{}</a>', reverse(f"admin:{app}_{kind}_change", args=[number]), text)
        except NoReverseMatch:
            continue
    return text


def _images(rows: list[AuditedImage], most: int) -> SafeString | str:
    owners = [f" ({row.owner})" if row.owner else "" for row in rows]
    links = [(_link("image", row.number, str(row.number)), owner) for row, owner in zip(rows, owners, strict=True)]
    more = ", …" if len(rows) > most else ""
    return format_html("{}{}", format_html_join(", ", "{}{}", links[:most]), more) if rows else "–"


@admin.register(AuditEntry)
class AuditAdmin(ReadOnly):
    list_display = ("at", "who", "act", "subject", "count", "listed_images", "note")
    list_filter = ("act", "kind", "at")
    search_fields = ("who", "images__number__exact", "images__owner__username__exact")
    search_help_text = "Who did it, the number of an image, or the user name of its owner"
    fields = ("at", "who", "act", "subject", "count", "all_images", "note")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[AuditEntry]":
        images = AuditedImage.objects.select_related("owner").order_by("pk")
        first = Prefetch("images", images[: SHOWN + 1], to_attr="first_images")
        return super().get_queryset(request).prefetch_related(first)

    @admin.display(description="What")
    def subject(self, entry: AuditEntry) -> SafeString | str:
        return _link(entry.kind, entry.number, f"{entry.kind} {entry.number}") if entry.number else entry.kind

    @admin.display(description="Images (owner)")
    def listed_images(self, entry: AuditEntry) -> Any:
        return _images(entry.first_images, SHOWN)  # type: ignore[attr-defined]

    @admin.display(description="Images (owner)")
    def all_images(self, entry: AuditEntry) -> Any:
        return _images(list(entry.images.select_related("owner").order_by("pk")), 10_000)
