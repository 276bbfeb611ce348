"""What happens to a request before Django's own middleware sees it."""

import logging
from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)
Next = Callable[[HttpRequest], HttpResponseBase]

HEALTH = {"/healthz": "classifier.views.health.alive", "/readyz": "classifier.views.health.ready"}


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
