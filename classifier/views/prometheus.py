"""Figures for Prometheus. The middleware answers with this as with health, before any check of the host name."""

import secrets
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from classifier.results.gauges import Figures


@require_safe
def figures(request: HttpRequest) -> HttpResponse:
    """For METRICS_FROM and whoever has METRICS_TOKEN; there is no such page as long as neither is set."""
    if not (settings.METRICS_FROM or settings.METRICS_TOKEN):
        return _refused(404, "Set METRICS_TOKEN or METRICS_FROM to have figures here.")
    if not (_from_known_address(request) or _has_token(request)):
        return _refused(403, "These figures are for the operator of this site.")
    registry = CollectorRegistry()
    registry.register(Figures())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _refused(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(sentence + "\n", status=status, content_type="text/plain; charset=utf-8")


def _from_known_address(request: HttpRequest) -> bool:
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:  # a Unix socket's other end has none
        return False
    return any(address in network for network in settings.METRICS_FROM)


def _has_token(request: HttpRequest) -> bool:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    token = settings.METRICS_TOKEN
    return bool(token) and kind.lower() == "bearer" and secrets.compare_digest(given.encode(), token.encode())
