"""Images: see, filter, relabel. Every change of a label goes through ground_truth.label_images, so it leaves a row."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from classifier.accounts import trail
from classifier.admin.lists import OfImages, Quick
from classifier.admin.review import review
from classifier.detector.labels import CLASS_NAMES
from classifier.forms.asking import whole_numbers
from classifier.forms.saying import RelabelForm
from classifier.labelling import ground_truth
from classifier.learning import gate
from classifier.models import (
    Act,
    Dispute,
    Evidence,
    GroundTruth,
    Image,
    ImageQuerySet,
    Label,
    Outcome,
    RegressionCase,
    Verdict,
)

MOST = 10_000
"""How many images one relabelling covers."""


def _counts(images: ImageQuerySet) -> list[tuple[str, str, int]]:
    """(label now, verdict, how many), to look at before many are changed at once."""
    rows = images.order_by().values_list("label", "outcome").annotate(n=Count("pk"))
    names, outcomes = dict(GroundTruth.choices), dict(Outcome.choices)
    return [(names.get(label, "none"), outcomes.get(outcome, "none yet"), n) for label, outcome, n in sorted(rows)]


class ReadOnlyInline(admin.TabularInline):  # type: ignore[type-arg]
    template = "admin/classifier/_rows.html"
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LabelInline(ReadOnlyInline):
    model = Label
    fields = ("created_at", "by", "kind", "old", "new", "category", "reason")
    readonly_fields = fields
    verbose_name_plural = "Label timeline (newest first)"


class VerdictInline(ReadOnlyInline):
    model = Verdict
    fields = ("detector", "outcome", "score", "milliseconds", "created_at")
    readonly_fields = fields


class EvidenceInline(ReadOnlyInline):
    model = Evidence
    fields = ("kind", "strength", "direction", "summary")
    readonly_fields = fields


class DisputeInline(ReadOnlyInline):
    model = Dispute
    fields = ("created_at", "claim", "category", "how", "state", "closed_by")
    readonly_fields = fields


class Disagreement(admin.SimpleListFilter):
    title = "model and label"
    parameter_name = "agreement"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("disagree", "Disagree"), ("agree", "Agree")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        judged = queryset.filter(label__in=CLASS_NAMES, outcome__in=CLASS_NAMES)
        if self.value() == "disagree":
            return judged.exclude(outcome=F("label"))
        return judged.filter(outcome=F("label")) if self.value() == "agree" else queryset


@admin.register(Image)
class ImageAdmin(OfImages, Quick):
    list_display = ("picture", "name", "owner", "outcome", "rounded", "label", "consent", "state", "created_at")
    list_display_links = ("picture", "name")
    list_filter = (
        "outcome",
        "label",
        Disagreement,
        "contested",
        "consent",
        "state",
        "verdict__detector",  # all of them: which ones occur would take a pass over all images
    )
    list_select_related = ("owner", "verdict")
    change_list_template = "admin/classifier/image/change_list.html"
    search_fields = ("name", "owner__username", "owner__email", "sha256")
    search_help_text = "File name, owner or SHA-256"
    ordering = ("-id",)
    actions = ("relabel", "keep_right")
    inlines = (DisputeInline, LabelInline, VerdictInline, EvidenceInline)
    fieldsets = (
        (None, {"fields": ("large_picture", "relabel_link")}),
        ("Verdict", {"fields": ("outcome", "decided_by", "rounded", "label", "contested", "state", "error")}),
        (
            "File",
            {
                "fields": (
                    "name",
                    "owner",
                    "consent",
                    "source",
                    "license",
                    "format",
                    "dimensions",
                    "size",
                    "sha256",
                    "created_at",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Image]:
        """Not those of guests, which staff never see."""
        return super().get_queryset(request).filter(guest="")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [name for _, options in self.fieldsets for name in options["fields"]]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Everything is read only here, so there is nothing to save."""
        nothing = {"show_save": False, "show_save_and_continue": False}
        return super().change_view(request, object_id, extra_context=nothing)

    @admin.display(description="Picture")
    def picture(self, image: Image) -> SafeString | str:
        if not image.thumbnail or not image.reviewable:
            return "private" if image.thumbnail else "–"
        return format_html(
            '<img class="thumb" src="{}" alt="{}" loading="lazy">',
            reverse("image_thumbnail", args=[image.uuid]),
            image.name,
        )

    @admin.display(description="Picture")
    def large_picture(self, image: Image) -> SafeString | str:
        if not image.reviewable:
            return "The owner did not consent to review, so the picture is not shown."
        if not image.display:
            return "No picture yet."
        return format_html('<img class="large" src="{}" alt="">', reverse("image_display", args=[image.uuid]))

    @admin.display(description="Ground truth")
    def relabel_link(self, image: Image) -> SafeString | str:
        if not image.reviewable:
            return "Images without consent can't be labelled."
        url = reverse("admin:classifier_image_relabel") + f"?ids={image.pk}"
        said = "Contested: a third opinion is asked for" if image.contested else image.get_label_display()
        case = RegressionCase.objects.filter(image=image).first()
        return format_html(
            '{} &nbsp; <a class="button" href="{}">Relabel…</a> &nbsp; {}',
            said or "No label yet",
            url,
            f"Regression case “{case}”" if case else "",
        )

    @admin.display(description="Score", ordering="score")
    def rounded(self, image: Image) -> str:
        return "–" if image.score is None else f"{image.score:.2f}"

    @admin.display(description="Pixels")
    def dimensions(self, image: Image) -> str:
        return f"{image.width} × {image.height}"

    @admin.action(description="Relabel the selected images…", permissions=["change"])
    def relabel(self, request: HttpRequest, queryset: QuerySet[Image]) -> HttpResponse:
        request.session["relabel"] = list(queryset.order_by().values_list("pk", flat=True)[:MOST])
        return redirect(reverse("admin:classifier_image_relabel"))

    def has_case_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("classifier.add_regressioncase")

    @admin.action(description="Make it a regression case…", permissions=["case"])
    def keep_right(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        """Each chosen labelled image becomes a case that detectors to come must not get wrong, under its file name."""
        count = gate.add_cases(cast(ImageQuerySet, queryset), cast(User, request.user))
        trail.did(request, Act.ADDED, said="regression cases")
        left_out = queryset.count() - count
        said = f"{count} regression case{pluralize(count)}; give them names that say why."
        if left_out:
            said += f" {left_out} left out: without a label, without consent, or a case already."
        self.message_user(request, said)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.relabel_view)
        queue = self.admin_site.admin_view(review)
        return [
            path("relabel/", view, name="classifier_image_relabel"),
            path("review/", queue, name="classifier_image_review"),
            *super().get_urls(),
        ]

    def relabel_view(self, request: HttpRequest) -> HttpResponse:
        """One page for one image or many: what they are, and why, with a preview of what changes. Images without
        consent are left out and counted."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        words = (request.POST.get("ids") or request.GET.get("ids", "")).split(",")
        ids = whole_numbers(words)[:MOST]
        ids = ids or [pk for pk in request.session.get("relabel", []) if isinstance(pk, int)]
        chosen = Image.objects.filter(pk__in=ids)
        images = chosen.reviewable()
        form = RelabelForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            new = GroundTruth(form.cleaned_data["label"])
            count = ground_truth.label_images(images, cast(User, request.user), new, form.cleaned_data["reason"])
            messages.success(request, f"{count} image{pluralize(count)} relabelled as {new.label}.")
            trail.saw(request, images.values_list("pk", flat=True))
            trail.did(request, Act.LABELLED, said=new)
            return redirect(
                reverse("admin:classifier_image_change", args=[ids[0]])
                if len(ids) == 1
                else reverse("admin:classifier_image_changelist")
            )
        shown = list(images.select_related("verdict")[:50])
        trail.saw(request, shown)
        context = {
            **self.admin_site.each_context(request),
            "title": "Relabel",
            "opts": self.model._meta,
            "form": form,
            "images": shown,
            "count": images.count(),
            "counts": _counts(images),
            "ids": ",".join(map(str, ids)),  # what this page showed, whatever another tab chooses meanwhile
            "cut": len(ids) == MOST,
            "left_out": len(ids) - images.count(),
        }
        return render(request, "admin/classifier/image/relabel.html", context)
