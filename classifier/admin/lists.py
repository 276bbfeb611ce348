"""Lists that stay quick at a hundred thousand rows."""

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest

from classifier.forms.asking import whole_number
from classifier.models import may_see_images

COUNTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than COUNTED: nobody leafs to page 200, and counting all takes longer than showing it."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED].count())


class Quick(admin.ModelAdmin):  # type: ignore[type-arg]
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What an address suggests for a new row. Django looks up whatever is suggested for a relation."""
        given = dict(super().get_changeform_initial_data(request))
        relations = {field.name for field in self.model._meta.get_fields() if field.is_relation}
        return {k: v for k, v in given.items() if k not in relations or whole_number(str(v)) is not None}


class OfImages(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that show images or their names: they ask for the permission to see images besides their own."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_see_images(request.user) and super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_see_images(request.user) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_see_images(request.user) and super().has_delete_permission(request, obj)

    # Django's own log would keep the names of images that their owners have deleted; the audit log does not.
    def log_addition(self, *args: Any) -> Any:
        return None

    def log_change(self, *args: Any) -> Any:
        return None

    def log_deletions(self, *args: Any) -> Any:
        return []


class ReadOnly(Quick):
    """Rows that are only looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
