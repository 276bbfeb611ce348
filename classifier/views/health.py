"""For load balancers and the launcher; says nothing about anybody. `aidetect.health` answers with these before any
redirect or check of the host name, so they have no place in the URLs."""

import logging
from collections.abc import Callable
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from aidetect import broker
from classifier.models import Detector
from classifier.registry import bundles

logger = logging.getLogger(__name__)


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Whether images can be taken and judged: one line a part, 503 as long as a part fails."""
    parts = {name: _said(name, check) for name, check in CHECKS.items()}
    fine = all(said == "ok" for said in parts.values())
    return JsonResponse(parts, status=200 if fine else 503, json_dumps_params={"indent": 1})


def _said(name: str, check: Callable[[], str]) -> str:
    """ "ok" or what is wrong. The error itself goes to the log: anybody may ask this address."""
    try:
        return check() or "ok"
    except Exception as error:
        logger.warning("readiness: %s failed: %s", name, error)
        return f"failed: {type(error).__name__}"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _redis() -> str:
    with broker.client() as client:
        client.ping()
    return ""


def _storage() -> str:
    """A file can be written, read and deleted."""
    name = default_storage.save(f"ready/{uuid4()}", ContentFile(b"ready"))
    try:
        with default_storage.open(name) as file:
            return "" if file.read() == b"ready" else "what was written is not what is read"
    finally:
        default_storage.delete(name)


def _worker() -> str:
    return "" if broker.worker_was_seen() else f"no worker was seen in the last {broker.SEEN_SECONDS} seconds"


def _detector() -> str:
    detector = Detector.objects.active()
    if not detector:
        return "no detector is active"
    return "" if bundles.is_there(detector) else "the active detector's model is missing"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "redis": _redis,
    "storage": _storage,
    "worker": _worker,
    "detector": _detector,
}
