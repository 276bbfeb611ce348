"""What every request passes on its way to a view and back: how much it may bring, who keeps a copy of the answer."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, UnreadablePostError
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.views.defaults import bad_request

from classifier.intake import quotas
from classifier.intake.checks import size_in_words

logger = logging.getLogger(__name__)
Next = Callable[[HttpRequest], HttpResponseBase]
AnyView = TypeVar("AnyView", bound=Callable[..., HttpResponseBase])
Limit = Callable[[HttpRequest], float]

STRANGERS_BYTES = 1_000_000
"""What a request without a log-in may bring: forms. Django keeps that much in memory."""
FORM_BYTES = 1_000_000
"""What the fields and the boundaries of a form may add to its files."""
SIGNED_OUT = "You were signed out, so nothing was uploaded. Sign in and choose the files again."


def may_bring(limit: Limit) -> Callable[[AnyView], AnyView]:
    """For a view whose requests may bring more or less than others: bytes, by request."""

    def decorate(view: AnyView) -> AnyView:
        view.most_bytes = limit  # type: ignore[attr-defined]
        return view

    return decorate


class BoundedBody:
    """Answers a request that is too large before anything reads its body. It stands before the CSRF middleware, which
    would parse the body and so write its files to the disk, whoever sent them."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if not (size := _length(request)):
            return None
        most = _most_bytes(request, view)
        if size > most:
            discard_body(request)
            return _signed_out(request) if _is_lost_upload(request) else too_large(request, size, most)
        if request.method == "POST" and getattr(view, "counts_as_upload", False) and request.user.is_authenticated:
            return _without_room(request, size)
        return None


class OddValues:
    """A value that no column can hold, and that neither a form nor a view noticed, is a bad request and no server
    error: Django's administration, for one, looks up whatever number it is sent. A form should have noticed, so it is
    logged."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        of_a_field = isinstance(error, ValueError) and str(error).startswith("Field '")
        if not (of_a_field or isinstance(error, DataError | OverflowError)):
            return None
        logger.warning("a value that can't be stored or looked for: %s", error, exc_info=error)
        return bad_request(request, error)


def _length(request: HttpRequest) -> int:
    """What the request says; without a length Django reads nothing."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0


def _most_bytes(request: HttpRequest, view: Any) -> float:
    if limit := getattr(view, "most_bytes", None):
        return float(limit(request))
    if request.user.is_authenticated:
        if request.path == reverse("admin:classifier_importbatch_add"):
            staff = request.user.has_perm("classifier.add_importbatch")
            return FORM_BYTES + 1e6 * (settings.MAX_IMPORT_MB if staff else 0)
        return largest_request()
    if getattr(view, "csrf_exempt", False) and "Authorization" in request.headers:
        return largest_request()  # nothing reads the body before the view has asked who sends it
    return STRANGERS_BYTES


def largest_request() -> float:
    """Bytes of all files of a request together, and of its fields."""
    return FORM_BYTES + 1e6 * max(settings.MAX_REQUEST_MB, settings.MAX_UPLOAD_MB)


def discard_body(request: HttpRequest) -> None:
    """Read what is on its way, up to the size of one file, and keep nothing of it: a browser that is still sending
    doesn't see an answer."""
    left = int(settings.MAX_UPLOAD_MB * 1e6)
    with suppress(UnreadablePostError):
        while left > 0 and (chunk := request.read(65_536)):
            left -= len(chunk)


def _is_lost_upload(request: HttpRequest) -> bool:
    return not request.user.is_authenticated and request.path == reverse("home")


def _signed_out(request: HttpRequest) -> HttpResponse:
    messages.error(request, SIGNED_OUT)
    return go(request, resolve_url("account_login"))


def too_large(request: HttpRequest, size: float, most: float) -> HttpResponse:
    sentence = (
        f"The request is {size_in_words(int(size))}; at most {size_in_words(int(most))} go in one. "
        "Nothing was stored. Send the files in smaller groups."
    )
    if from_script(request):
        return JsonResponse({"errors": [sentence]}, status=413)
    return render(request, "413.html", {"sentence": sentence}, status=413)


def _without_room(request: HttpRequest, size: int) -> HttpResponse | None:
    """The quota's answer to an upload, before its bytes are read; exactly counted is when they are stored."""
    sentence = quotas.room_of(cast(User, request.user)).objection(max(0, size - FORM_BYTES))
    if not sentence:
        return None
    discard_body(request)
    if from_script(request):
        return JsonResponse({"errors": [sentence]})
    messages.error(request, sentence)
    return redirect("home")


def counts_as_upload(view: AnyView) -> AnyView:
    """For a view whose POST brings pictures: it is refused, unread, where a person's quota is used up."""
    view.counts_as_upload = True  # type: ignore[attr-defined]
    return view


def from_script(request: HttpRequest) -> bool:
    return request.headers.get("X-Requested-With") == "XMLHttpRequest"


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect; a script gets the address instead, because following it would use up the messages."""
    return JsonResponse({"location": url}) if from_script(request) else redirect(url)


def keep_no_copy(get_response: Next) -> Next:
    """Pages of somebody who is signed in are stored by no cache and not by the browser either: after the log-out nobody
    sees them by going back. A view that says something else about caching is right (copies of pictures are)."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store, private"
        return response

    return answer


def staff_second_factor(get_response: Next) -> Next:
    """Where STAFF_SECOND_FACTOR is set, staff without an authenticator app or a key are led to the page that sets one
    up, whatever they open. allauth asks whoever has one at each log-in."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if settings.STAFF_SECOND_FACTOR and _lacks_second_factor(request):
            messages.info(request, "Staff of this site need a second step at log-in. Set one up to go on.")
            return redirect("mfa_index")
        return get_response(request)

    return answer


def _lacks_second_factor(request: HttpRequest) -> bool:
    user = request.user
    if not (user.is_authenticated and (user.is_staff or user.is_superuser)):
        return False
    return not request.path.startswith("/accounts/") and not is_mfa_enabled(user)
