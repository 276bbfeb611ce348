"""Detectors: what each is worth, compared on the same images, promoted through a gate, rolled back, logged."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse

from classifier.accounts import trail
from classifier.admin.lists import OfImages, Quick, ReadOnly
from classifier.detector.errors import DetectorError
from classifier.detector.labels import REAL
from classifier.forms.asking import one_line, whole_number
from classifier.learning import gate, runs, versions
from classifier.models import (
    Act,
    DatasetVersion,
    Detector,
    Image,
    JobState,
    Measurement,
    Promotion,
    RegressionCase,
    Rescoring,
)
from classifier.views.metrics import plots_of


@admin.register(Promotion)
class PromotionAdmin(ReadOnly):
    list_display_links = None
    list_display = ("created_at", "detector", "before", "rollback", "by", "reason", "objections")
    list_select_related = ("detector", "before", "by")

    @admin.display(description="Overridden objections")
    def objections(self, entry: Promotion) -> str:
        return "; ".join(entry.overridden) or "–"


@admin.register(Rescoring)
class RescoringAdmin(ReadOnly):
    list_display_links = None
    list_display = ("created_at", "detector", "done", "total", "changed", "failed", "finished_at")
    list_select_related = ("detector",)


@admin.register(RegressionCase)
class RegressionCaseAdmin(OfImages, Quick):
    """Named cases that must stay right; added on an image's page."""

    list_display = ("name", "image", "label", "outcome", "by", "created_at")
    list_select_related = ("image", "by")
    fields = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description="Must be")
    def label(self, case: RegressionCase) -> str:
        return case.image.get_label_display() or "not labelled: not tested"

    @admin.display(description="Is now")
    def outcome(self, case: RegressionCase) -> str:
        return case.image.get_outcome_display()


@admin.register(Detector)
class DetectorAdmin(ReadOnly):
    list_display = ("version", "architecture", "active", "shipped", "dataset", "balanced", "created_at", "promoted_at")
    list_filter = ("active", "architecture")
    list_select_related = ("run__dataset",)
    change_form_template = "admin/classifier/detector/change_form.html"
    change_list_template = "admin/classifier/detector/change_list.html"

    @admin.display(description="Trained on")
    def dataset(self, detector: Detector) -> str:
        run = getattr(detector, "run", None)
        return str(run.dataset) if run else "–"

    @admin.display(description="Balanced accuracy (own report)")
    def balanced(self, detector: Detector) -> str:
        value = detector.card.get("report", {}).get("overall", {}).get("balanced_accuracy")
        return "–" if value is None else f"{value:.1%}"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        active = Detector.objects.active()
        extra = {"active": active, "before": gate.before_active(), "rescoring": Rescoring.objects.open().first()}
        return super().changelist_view(request, extra)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        detector = self.get_object(request, object_id)
        return super().change_view(request, object_id, extra_context=_page(detector, request) if detector else {})

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/promote/", wrap(self.promote_view), name="classifier_detector_promote"),
            path("<int:pk>/measure/", wrap(self.measure_view), name="classifier_detector_measure"),
            path("rollback/", wrap(self.rollback_view), name="classifier_detector_rollback"),
            path("compare/", wrap(self.compare_view), name="classifier_detector_compare"),
            *super().get_urls(),
        ]

    def promote_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The gate: what speaks against it, and the way round it, which needs a reason."""
        _require(request)
        candidate = get_object_or_404(Detector, pk=pk)
        if request.method == "POST":
            try:
                gate.promote(candidate, cast(User, request.user), one_line(request.POST.get("reason", ""), 300))
            except gate.PromotionRefused as error:
                for objection in error.objections:
                    messages.error(request, f"Refused: {objection}.")
                return redirect(reverse("admin:classifier_detector_promote", args=[pk]))
            except DetectorError as error:
                messages.error(request, error.sentence)
            else:
                trail.did(request, Act.PROMOTED, candidate.pk, str(candidate))
                messages.success(request, f"{candidate} is active; workers use it from their next batch on.")
            return redirect(reverse("admin:classifier_detector_change", args=[pk]))
        dataset = DatasetVersion.objects.first()
        pending = Measurement.objects.open().filter(dataset=dataset)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Promote {candidate}",
            "opts": self.model._meta,
            "gate": gate.gate(candidate),
            "dataset": dataset,
            "pending": pending.exists(),
            "failed": Measurement.objects.filter(dataset=dataset, detector=candidate, state=JobState.FAILED).first(),
        }
        return render(request, "admin/classifier/detector/promote.html", context)

    def measure_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have this detector and the active one measured on a version, the newest if none is named."""
        _require(request, post=True)
        detector = get_object_or_404(Detector, pk=pk)
        versions = DatasetVersion.objects.all()
        number = whole_number(request.POST.get("dataset", ""))
        dataset = versions.first() if number is None else versions.filter(number=number).first()
        if dataset is None:
            messages.error(request, "There is no dataset version yet; freeze one first.")
        else:
            both = {detector, Detector.objects.active() or detector}
            missing = [one for one in both if gate.measured(one, dataset) is None]
            for one in missing or [detector]:
                runs.ask_for_measurement(one, dataset, cast(User, request.user))
            messages.info(request, f"{', '.join(map(str, missing or [detector]))} will be measured on {dataset}.")
        back = "promote" if request.POST.get("back") == "promote" else "change"
        return redirect(reverse(f"admin:classifier_detector_{back}", args=[pk]))

    def rollback_view(self, request: HttpRequest) -> HttpResponse:
        _require(request, post=True)
        try:
            entry = gate.rollback(cast(User, request.user), one_line(request.POST.get("reason", ""), 300))
        except DetectorError as error:
            messages.error(request, error.sentence)
        else:
            trail.did(request, Act.ROLLED_BACK, entry.detector_id, str(entry.detector))
            messages.success(request, f"Rolled back: {entry.detector} is active again, {entry.before} no longer.")
        return redirect(reverse("admin:classifier_detector_changelist"))

    def compare_view(self, request: HttpRequest) -> HttpResponse:
        """Two detectors on the same frozen images."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        done = Measurement.objects.filter(state=JobState.DONE).select_related("detector", "dataset")
        number = whole_number(request.GET.get("dataset", "")) or 0
        dataset = DatasetVersion.objects.filter(number=number).first()
        chosen = [one_line(request.GET.get(key, ""), 200) for key in ("a", "b")]
        pair = [done.filter(dataset=dataset, detector__version=version).first() for version in chosen]
        context = {**self.admin_site.each_context(request), "title": "Compare detectors", "opts": self.model._meta}
        context |= {
            "datasets": DatasetVersion.objects.all(),
            "dataset": dataset,
            "chosen": request.GET,
        }
        context["versions"] = sorted({row.detector.version for row in done})
        if dataset and all(pair):
            labels = {row.sha256: row.label for row in versions.rows_of(dataset)}
            compared = gate.compare(pair[0], pair[1], labels)  # type: ignore[arg-type]
            shown = [asdict(row) for row in compared.changed[:100]]
            context |= {"pair": pair, "compared": compared, "shown": _with_images(shown, request)}
        return render(request, "admin/classifier/detector/compare.html", context)


def _require(request: HttpRequest, post: bool = False) -> None:
    if not request.user.has_perm("classifier.change_detector") or (post and request.method != "POST"):
        raise PermissionDenied


def _page(detector: Detector, request: HttpRequest) -> dict[str, object]:
    done = detector.measurements.filter(state=JobState.DONE).select_related("dataset")
    rows = list(done.order_by("-dataset__number"))
    labels = {}
    for row in rows[:1]:
        try:
            labels = {one.sha256: one.label == REAL for one in versions.rows_of(row.dataset)}
        except DetectorError:
            labels = {}
    measurement = rows[0] if rows else None
    given = measurement.scores if measurement else {}
    scores = [(score, labels[name]) for name, score in given.items() if name in labels]
    return {
        "detector": detector,
        "card": detector.card,
        "plots": plots_of(detector),
        "measurement": measurement,
        "report": measurement.report if measurement else detector.card.get("report", {}),
        "failures": _with_images(measurement.report.get("failures", []), request) if measurement else [],
        "threshold_scores": scores,
        "table": gate.costs(scores),
        "pending": detector.measurements.filter(state__in=[JobState.WAITING, JobState.RUNNING]).first(),
        "others": Detector.objects.exclude(pk=detector.pk)[:50],
        "newest": DatasetVersion.objects.first(),
    }


def _with_images(rows: Sequence[Mapping[str, object]], request: HttpRequest) -> list[dict[str, object]]:
    """Each row with the image that this member of staff may see, if there is one still."""
    seen = Image.objects.visible_to(request.user).reviewable()
    images = list(seen.filter(sha256__in=[row["sha256"] for row in rows]))
    trail.saw(request, images)
    known = {image.sha256: image for image in images}
    return [{**row, "image": known.get(str(row["sha256"]))} for row in rows]
