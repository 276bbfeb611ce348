"""Dataset versions."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from classifier.accounts import trail
from classifier.admin.lists import Quick
from classifier.detector.errors import DatasetError
from classifier.forms.asking import one_line
from classifier.learning import versions
from classifier.models import Act, DatasetVersion, ImportBatch


def _classes(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _table(table: tuple[str, list[tuple[str, Any]]]) -> tuple[SafeString | str]:
    title, rows = table
    cells = format_html_join("", "<tr><th scope='row'>{}</th><td>{}</td></tr>", rows)
    return (format_html("<table><caption>{}</caption>{}</table>", title, cells) if rows else "",)


def _unfinished(batch: ImportBatch) -> str:
    done, total = batch.cursor, batch.progress.get("total", 0)
    return f"{batch} is at {done:,} of {total:,} pictures; what it has not brought yet would be missing."


@admin.register(DatasetVersion)
class DatasetVersionAdmin(Quick):
    """Frozen versions; a new one is made by the button above the list."""

    list_display = ("number", "images", "digest_start", "note", "by", "created_at")
    change_list_template = "admin/classifier/datasetversion/change_list.html"
    readonly_fields = ("number", "digest", "by", "created_at", "contents", "warnings", "changes")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Images")
    def images(self, version: DatasetVersion) -> int:
        return int(version.summary.get("images", 0))

    @admin.display(description="Digest")
    def digest_start(self, version: DatasetVersion) -> str:
        return version.digest[:16]

    @admin.display(description="Contents")
    def contents(self, version: DatasetVersion) -> SafeString:
        tables = [("Split", [(name, _classes(counts)) for name, counts in version.summary["splits"].items()])]
        for name in ("sources", "generators", "formats", "longest side"):
            tables.append((name.capitalize(), list(version.summary.get(name, {}).items())))
        return format_html_join(
            "", '<div class="counts-by">{}</div>', [[format_html_join("", "{}", map(_table, tables))]]
        )

    @admin.display(description="What the audit warns of")
    def warnings(self, version: DatasetVersion) -> SafeString | str:
        """Shortcuts a network could take instead of looking."""
        lines = list(version.summary.get("warnings", []))
        if mixed := version.summary.get("contradictions"):
            lines.append(f"{mixed} near-duplicate groups hold both classes")
        if waiting := version.summary.get("not compared"):
            lines.append(f"{waiting} images had not been compared yet with all others, so crops may cross splits")
        if not lines:
            return "Nothing."
        return format_html(
            '<ul class="plain">{}</ul>', format_html_join("", "<li>{}</li>", ((line,) for line in lines))
        )

    @admin.display(description="Since the version before")
    def changes(self, version: DatasetVersion) -> str:
        older = DatasetVersion.objects.filter(number__lt=version.number).first()
        if older is None:
            return "This is the first."
        try:
            found = versions.difference(older, version)
        except DatasetError as error:
            return str(error)
        return ", ".join(f"{count} {what}" for what, count in found.items())

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        unfinished = ImportBatch.objects.open().first()
        extra = {"unfinished": unfinished, "warning": _unfinished(unfinished) if unfinished else ""}
        return super().changelist_view(request, extra)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.freeze_view)
        return [path("freeze/", view, name="classifier_datasetversion_freeze"), *super().get_urls()]

    def freeze_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not request.user.has_perm("classifier.add_datasetversion"):
            raise PermissionDenied
        unfinished = ImportBatch.objects.open().first()
        if unfinished and not request.POST.get("despite"):
            messages.warning(request, f"Nothing was frozen: {_unfinished(unfinished)} Wait for it, or tick the box.")
            return redirect(reverse("admin:classifier_datasetversion_changelist"))
        try:
            version = versions.freeze(cast(User, request.user), one_line(request.POST.get("note", ""), 300))
        except DatasetError as error:
            messages.error(request, error.sentence)
        else:
            trail.did(request, Act.ADDED, version.pk, str(version))
            messages.success(request, f"Dataset {version.number} is frozen: {version.summary['images']} images.")
        return redirect(reverse("admin:classifier_datasetversion_changelist"))
