"""Training runs: asked for here, done by the training worker, watched live."""

from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse

from classifier.accounts import trail
from classifier.admin.lists import Quick, ReadOnly
from classifier.detector.errors import DetectorError
from classifier.learning import runs
from classifier.models import Act, DatasetVersion, Measurement, TrainingRun
from classifier.views.access import NOTHING_CHANGED

LONG = 30
"""Minutes from which on a run is asked about once more."""


class RunForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = TrainingRun
        fields = ("name", "dataset", "architecture", "start", "epochs", "minutes", "seed")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            runs.check_run(self.instance)
        except DetectorError as error:
            self.add_error(None, error.sentence)


@admin.register(TrainingRun)
class TrainingRunAdmin(Quick):
    """A row a run; its page shows the progress, and a button to cancel."""

    form = RunForm
    list_display = ("name", "dataset", "architecture", "start", "state", "by", "created_at", "finished_at")
    list_filter = ("state", "architecture")
    list_select_related = ("dataset", "by")
    search_fields = ("name",)
    change_form_template = "admin/classifier/trainingrun/change_form.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        newest = DatasetVersion.objects.first()
        number = TrainingRun.objects.count() + 1
        suggested = {"dataset": newest.pk, "name": f"run-{number}-dataset-{newest.number}"} if newest else {}
        return {**suggested, **{key: str(value) for key, value in request.GET.items()}}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A long run is asked about once more before it starts."""
        if request.method == "POST" and "sure" not in request.POST and self.has_add_permission(request):
            form = RunForm(request.POST)
            if form.is_valid() and form.cleaned_data["minutes"] >= LONG:
                context = {**self.admin_site.each_context(request), "opts": self.model._meta, "run": form.instance}
                context |= {"title": f"Train for up to {form.cleaned_data['minutes']:g} minutes?", "form": form}
                context["settings"] = urlencode({name: request.POST.get(name, "") for name in RunForm.Meta.fields})
                context["ahead"] = TrainingRun.objects.open().count()
                return render(request, "admin/classifier/trainingrun/sure.html", context)
        return super().add_view(request, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: TrainingRun, form: Any, change: bool) -> None:
        runs.start_training(obj, cast(User, request.user))

    def response_add(self, request: HttpRequest, obj: TrainingRun, post_url_continue: Any = None) -> HttpResponse:
        trail.did(request, Act.ADDED, obj.pk, obj.name)
        return redirect(reverse("admin:classifier_trainingrun_change", args=[obj.pk]))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        run = self.get_object(request, object_id)
        extra = {**runs.status_of(run)} if run else {}
        return super().change_view(request, object_id, extra_context=extra)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/status/", wrap(self.status_view), name="classifier_trainingrun_status"),
            path("<int:pk>/cancel/", wrap(self.cancel_view), name="classifier_trainingrun_cancel"),
            *super().get_urls(),
        ]

    def status_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The polled part of the page; nothing when nothing has changed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = runs.status_of(get_object_or_404(TrainingRun, pk=pk))
        if request.GET.get("seen") == context["seen"]:
            return HttpResponse(status=NOTHING_CHANGED)
        return render(request, "admin/classifier/trainingrun/_status.html", context)

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST" or not request.user.has_perm("classifier.add_trainingrun"):
            raise PermissionDenied
        run = get_object_or_404(TrainingRun, pk=pk)
        cancelled = runs.cancel(run)
        trail.did(request, Act.CANCELLED if cancelled else Act.TRIED, run.pk, run.name)
        messages.info(request, f"{run} is cancelled." if cancelled else f"{run} had ended already.")
        return redirect(reverse("admin:classifier_trainingrun_change", args=[pk]))


@admin.register(Measurement)
class MeasurementAdmin(ReadOnly):
    """What was measured on which version; asked for on a detector's page."""

    list_display = ("detector", "dataset", "state", "error", "created_at")
    list_display_links = None
    list_filter = ("state",)
    list_select_related = ("detector", "dataset")
