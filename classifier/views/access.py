"""The access helpers that every page starts with."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from aidetect import copies
from classifier.accounts import trail
from classifier.models import Image

NOTHING_CHANGED = 204
Response = TypeVar("Response", bound=HttpResponseBase)
View = Callable[..., HttpResponse]
AnyView = TypeVar("AnyView", bound=Callable[..., HttpResponseBase])


class HtmxRequest(HttpRequest):
    """As django-htmx's middleware leaves it."""

    htmx: HtmxDetails


def guest_of(request: HttpRequest) -> str:
    """The secret of a session without an account that has checked a picture; "" for everybody else."""
    if request.user.is_authenticated or not settings.GUEST_CHECKS:
        return ""
    return str(request.session.get("guest", ""))


def visible_image(request: HttpRequest, uuid: UUID) -> Image:
    """The owner sees it, and staff who may see images, which is recorded; a guest what came from the same session;
    everybody else gets 404."""
    guest = guest_of(request)
    images = Image.objects.of_guest(guest) if guest else Image.objects.visible_to(request.user)
    found = get_object_or_404(images.select_related("verdict__detector"), uuid=uuid)
    trail.saw(request, [found])
    return found


def picture_visible(request: HttpRequest, image: Image) -> bool:
    """Whether the picture itself is shown to whoever may see the page."""
    guest = guest_of(request)
    return image.guest == guest if guest else image.picture_visible_to(request.user)


def own_image(request: HttpRequest, uuid: UUID) -> Image:
    images = Image.objects.select_related("verdict__detector")
    return get_object_or_404(images, uuid=uuid, owner=request.user.pk)


def stored_file(file: FieldFile, content_type: str, download_as: str = "") -> HttpResponseBase:
    """A stored file that no browser interprets as a page; 404 when it is gone. Given out by this process, or, as
    SERVE_FILES says, by nginx or the object store, once this process has said that it may be."""
    if not file:
        raise Http404
    disposition = content_disposition_header(bool(download_as), download_as) or ""
    if settings.SERVE_FILES == "signed":
        response: HttpResponseBase = HttpResponseRedirect(_signed(file, content_type, disposition))
        response["Cache-Control"] = "private, no-store"
    elif settings.SERVE_FILES == "nginx":
        response = HttpResponse(content_type=content_type)
        response["X-Accel-Redirect"] = _inside_nginx(file, content_type, disposition)
    else:
        response = _opened(file, content_type)
    if disposition and settings.SERVE_FILES != "signed":
        response["Content-Disposition"] = disposition
    return inert(response)


def inert(response: HttpResponseBase) -> HttpResponseBase:
    """What strangers made, so that no browser interprets it as a page."""
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _opened(file: FieldFile, content_type: str) -> FileResponse:
    try:
        return FileResponse(file.open("rb"), content_type=content_type)
    except FileNotFoundError as error:
        raise Http404 from error


def _inside_nginx(file: FieldFile, content_type: str, disposition: str) -> str:
    """An address that nginx alone can reach (deploy/nginx.conf): a path below MEDIA_ROOT, or the object store's."""
    if not copies.is_remote():
        return f"/protected/files/{quote(str(file.name))}"
    parts = urlsplit(_signed(file, content_type, disposition))
    return f"/protected/store{parts.path}?{parts.query}"


def _signed(file: FieldFile, content_type: str, disposition: str) -> str:
    return str(file.storage.signed(str(file.name), content_type, disposition))  # type: ignore[attr-defined]


def guest_or_member(view: AnyView) -> AnyView:
    """For pages of one image that guests see, too, as far as it is theirs."""
    members_only = login_required(view)

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not guest_of(request):
            return members_only(request, *args, **kwargs)
        response = view(request, *args, **kwargs)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store, private"
        return response

    return cast(AnyView, guarded)


def member_or_reload(view: View) -> View:
    """For polled fragments: when the session has ended, the whole page is reloaded and leads to the log-in; a redirect
    would put the log-in form into the middle of the page."""
    members_only = guest_or_member(view)

    @wraps(view)
    def guarded(request: HtmxRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.htmx and not (request.user.is_authenticated or guest_of(request)):
            return HttpResponseClientRefresh()
        return members_only(request, *args, **kwargs)

    return guarded


def unlisted(response: Response) -> Response:
    """For pages behind a secret address: no search engine, no referrer."""
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Referrer-Policy"] = "no-referrer"
    return response
