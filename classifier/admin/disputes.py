"""Verdicts that owners object to."""

from typing import Any

from django.contrib import admin
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from classifier.admin.lists import OfImages, ReadOnly
from classifier.models import Dispute, DisputeState


@admin.register(Dispute)
class DisputeAdmin(OfImages, ReadOnly):
    """The queue of verdicts that owners object to, oldest first. Labelling an image answers its dispute."""

    list_display = ("picture", "image", "claim", "verdict", "category", "how", "state", "created_at")
    list_display_links = None
    list_filter = ("state", "claim", "category")
    list_select_related = ("image", "image__owner")
    search_fields = ("image__name", "how")
    actions = ("label",)

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Open ones first, oldest first."""
        return [Case(When(state=DisputeState.OPEN, then=0), default=1), "id"]

    @admin.display(description="Picture")
    def picture(self, dispute: Dispute) -> SafeString | str:
        image = dispute.image
        if not image.thumbnail or not image.reviewable:
            return "private"
        return format_html(
            '<a href="{}"><img class="thumb" src="{}" alt="{}" loading="lazy"></a>',
            reverse("admin:classifier_image_change", args=[image.pk]),
            reverse("image_thumbnail", args=[image.uuid]),
            image.name,
        )

    @admin.display(description="Verdict")
    def verdict(self, dispute: Dispute) -> str:
        return dispute.image.get_outcome_display()

    @admin.action(description="Label the images of the selected disputes…", permissions=["view"])
    def label(self, request: HttpRequest, queryset: QuerySet[Dispute]) -> HttpResponse:
        request.session["relabel"] = list(queryset.order_by().values_list("image_id", flat=True)[:1000])
        return redirect(reverse("admin:classifier_image_relabel"))
