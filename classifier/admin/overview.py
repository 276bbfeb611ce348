"""Pages about the whole: the administration's start, the state of the site, and drift."""

from typing import cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from classifier.admin import start
from classifier.learning import drift
from classifier.models import Detector, may_see_images
from classifier.results import status


@never_cache
def start_view(request: HttpRequest) -> HttpResponse:
    """Django's own start page under our cards; no card needs a permission that its page doesn't ask for."""
    return admin.site.index(request, {"cards": start.cards(cast(User, request.user))})


@never_cache
def status_view(request: HttpRequest) -> HttpResponse:
    """What /readyz knows, in words, and what somebody should do about it."""
    if not request.user.has_perm("classifier.view_detector"):
        raise PermissionDenied
    context: dict[str, object] = {
        **admin.site.each_context(request),
        "title": "Status",
        "status": status.status(),
        "active": Detector.objects.active(),
        "sees_images": may_see_images(request.user),
    }
    return render(request, "admin/classifier/status.html", context)


def drift_view(request: HttpRequest) -> HttpResponse:
    """Verdicts by week and detector, and accuracy as far as a random sample tells."""
    if not may_see_images(request.user):
        raise PermissionDenied
    rows, as_of = drift.lately()
    context: dict[str, object] = {
        **admin.site.each_context(request),
        "title": "Drift",
        "rows": rows,
        "as_of": as_of,
        "sample": drift.sampled_accuracy(),
        "waiting": drift.waiting_sample(),
        "weeks": drift.WEEKS,
    }
    return render(request, "admin/classifier/drift.html", context)
