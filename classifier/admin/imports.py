"""Imports of labelled pictures, as a zip."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from classifier.accounts import trail
from classifier.admin.lists import Quick
from classifier.admin.start import left
from classifier.detector.errors import DatasetError
from classifier.labelling import imports
from classifier.models import Act, ImportBatch
from classifier.views.access import NOTHING_CHANGED


class ImportForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ImportBatch
        fields = ("archive", "source", "license")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "archive" in self.fields:
            self.fields["archive"].required = True
            self.fields["archive"].help_text = (
                f"Folders REAL and FAKE, at any depth, or a manifest.csv with path and label; up to "
                f"{settings.MAX_IMPORT_MB:g} MB. Pictures are imported when no upload waits; you may close this page."
            )

    def clean_archive(self) -> Any:
        file = self.cleaned_data["archive"]
        if file and file.size > settings.MAX_IMPORT_MB * 1_000_000:
            raise forms.ValidationError(
                f"This zip is larger than {settings.MAX_IMPORT_MB:g} MB. Split it, or use manage.py import_dataset on "
                "the server."
            )
        if file:
            try:
                imports.check_archive(file)
            except DatasetError as error:
                raise forms.ValidationError(error.sentence) from error
        return file


@admin.register(ImportBatch)
class ImportBatchAdmin(Quick):
    form = ImportForm
    list_display = (
        "__str__",
        "owner",
        "source",
        "license",
        "state",
        "share",
        "added",
        "duplicates",
        "left_out",
        "created_at",
    )
    list_select_related = ("owner",)
    change_form_template = "admin/classifier/importbatch/change_form.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Progress")
    def share(self, batch: ImportBatch) -> SafeString | str:
        counted = f"{batch.cursor:,} of {batch.progress.get('total', 0):,}"
        if not batch.is_open:
            return counted
        return format_html(
            '<progress max="1" value="{}" aria-label="Imported"></progress><br>{}{}',
            f"{batch.share_done or 0:.4f}",
            counted,
            left(batch),
        )

    @admin.display(description="Left out")
    def left_out(self, batch: ImportBatch) -> int:
        return len(batch.complaints)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        batch = self.get_object(request, object_id)
        return super().change_view(request, object_id, extra_context=_page(batch) if batch else {})

    def save_model(self, request: HttpRequest, obj: ImportBatch, form: Any, change: bool) -> None:
        by = cast(User, request.user)
        stored = imports.start(by, obj.license, obj.source, archive=form.cleaned_data["archive"])
        obj.pk, obj.progress = stored.pk, stored.progress

    def response_add(self, request: HttpRequest, obj: ImportBatch, post_url_continue: Any = None) -> HttpResponse:
        trail.did(request, Act.IMPORTED, obj.pk)
        messages.success(request, f"{obj.progress['total']:,} pictures are being imported.")
        return redirect(reverse("admin:classifier_importbatch_change", args=[obj.pk]))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/status/", wrap(self.status_view), name="classifier_importbatch_status"),
            path("<int:pk>/cancel/", wrap(self.cancel_view), name="classifier_importbatch_cancel"),
            *super().get_urls(),
        ]

    def status_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The polled part of the page; nothing when nothing has changed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = _page(get_object_or_404(ImportBatch, pk=pk))
        if request.GET.get("seen") == context["seen"]:
            return HttpResponse(status=NOTHING_CHANGED)
        return render(request, "admin/classifier/importbatch/_status.html", context)

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST" or not request.user.has_perm("classifier.add_importbatch"):
            raise PermissionDenied
        batch = get_object_or_404(ImportBatch, pk=pk)
        cancelled = imports.cancel(batch)
        trail.did(request, Act.CANCELLED if cancelled else Act.TRIED, batch.pk)
        messages.info(request, "Cancelled; what was imported stays." if cancelled else "It had ended already.")
        return redirect(reverse("admin:classifier_importbatch_change", args=[pk]))


def _page(batch: ImportBatch) -> dict[str, object]:
    return {"batch": batch, "seen": f"{batch.state}-{batch.cursor}"}
