"""What happens to a request before Django's own middleware sees it."""

import logging
import re
import time
from collections.abc import Callable
from ipaddress import ip_address
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.module_loading import import_string

from aidetect import logs

requests_log = logging.getLogger("aidetect.requests")
logger = logging.getLogger(__name__)
Next = Callable[[HttpRequest], HttpResponseBase]

HEALTH = {
    "/healthz": "classifier.views.health.alive",
    "/readyz": "classifier.views.health.ready",
    "/prometheus": "classifier.views.prometheus.figures",
}

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(get_response: Next) -> Next:
    """Gives each request an id, which stands in every line of the log, with the image it uploads, and in the answer's
    X-Request-ID. One that a trusted proxy sends is kept; anybody else's is not believed."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        believed = _is_trusted(request.META.get("REMOTE_ADDR", "")) and REQUEST_ID.fullmatch(given)
        number, started = given if believed else uuid4().hex, time.monotonic()
        with logs.about(request=number):
            response = get_response(request)
            _log(request, response.status_code, time.monotonic() - started)
        response["X-Request-ID"] = number
        return response

    return answer


def _log(request: HttpRequest, status: int, seconds: float) -> None:
    """By the route: an address itself may hold the token of a shared link or of a password reset."""
    if request.path_info in HEALTH and status == 200:
        return  # asked every few seconds
    match = request.resolver_match
    route = f"/{match.route}" if match else "an address that is no page"
    about = {"image_id": str(match.kwargs["uuid"])} if match and "uuid" in match.kwargs else {}
    requests_log.info("%s %s: %d in %.0f ms", request.method, route, status, seconds * 1000, extra=about)


def health(get_response: Next) -> Next:
    """Health addresses are answered before the redirect to HTTPS and the check of the host name: whoever probes comes
    without a proxy and asks for an address, not for a name."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        view = HEALTH.get(request.path_info)
        return import_string(view)(request) if view else get_response(request)

    return answer


def client_address(get_response: Next) -> Next:
    """Behind TRUSTED_PROXIES, REMOTE_ADDR is the address of the client: the last one of X-Forwarded-For that is no
    trusted proxy. What the client itself wrote into that header stands further left and is never read."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
        while hops and _is_trusted(request.META.get("REMOTE_ADDR", "")) and _is_address(hops[-1]):
            request.META["REMOTE_ADDR"] = hops.pop()
        return get_response(request)

    return answer


class trouble:  # noqa: N801  # named like the functions beside it
    """A full disk, a store or a database that does not answer is no error of the page: whoever asks is told so."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        from classifier.models.claims import is_trouble
        from classifier.models.trouble import in_words

        if not is_trouble(error):
            return None
        logger.error("%s: %s", request.path, error, exc_info=error)
        response = render(request, "503.html", {"reason": in_words(error)}, status=503)
        response["Retry-After"] = "30"
        return response


def _is_trusted(address: str) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in settings.TRUSTED_PROXIES)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
