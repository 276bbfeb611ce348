"""The access helpers that every page starts with."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from classifier.accounts import trail
from classifier.models import Image

NOTHING_CHANGED = 204
View = Callable[..., HttpResponse]


class HtmxRequest(HttpRequest):
    """As django-htmx's middleware leaves it."""

    htmx: HtmxDetails


def visible_image(request: HttpRequest, uuid: UUID) -> Image:
    """The owner sees it, and staff who may see images, which is recorded; everybody else gets 404."""
    images = Image.objects.visible_to(request.user).select_related("verdict__detector")
    found = get_object_or_404(images, uuid=uuid)
    trail.saw(request, [found])
    return found


def own_image(request: HttpRequest, uuid: UUID) -> Image:
    images = Image.objects.select_related("verdict__detector")
    return get_object_or_404(images, uuid=uuid, owner=request.user.pk)


def stored_file(file: FieldFile, **options: Any) -> FileResponse:
    """A stored file that no browser interprets as a page; 404 when it is gone. options: FileResponse's."""
    if not file:
        raise Http404
    try:
        response = FileResponse(file.open("rb"), **options)
    except FileNotFoundError as error:
        raise Http404 from error
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def member_or_reload(view: View) -> View:
    """For polled fragments: when the session has ended, the whole page is reloaded and leads to the log-in; a redirect
    would put the log-in form into the middle of the page."""
    members_only = login_required(view)

    @wraps(view)
    def guarded(request: HtmxRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.htmx and not request.user.is_authenticated:
            return HttpResponseClientRefresh()
        return members_only(request, *args, **kwargs)

    return guarded
