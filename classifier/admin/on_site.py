"""From the administration to a page of the site."""

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.views import shortcut
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse


def on_site(request: HttpRequest, content_type_id: str, object_id: str) -> HttpResponse:
    """Django's own view leads every member of staff to the address of anything, and the address of a shared link is the
    link itself. This one asks for the permission to view the object."""
    kind = ContentType.objects.filter(pk=content_type_id).first() if content_type_id.isdecimal() else None
    model = kind.model_class() if kind else None
    page = admin.site._registry.get(model) if model else None
    found = page.get_object(request, object_id) if page else None
    if page is None or found is None:
        raise Http404
    if not page.has_view_permission(request, found):
        raise PermissionDenied
    return shortcut(request, content_type_id, object_id)
