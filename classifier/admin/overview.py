"""The drift page, reachable from the administration's start."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from classifier.learning import drift
from classifier.models import may_see_images


def drift_view(request: HttpRequest) -> HttpResponse:
    """Verdicts by week and detector, and accuracy as far as a random sample tells."""
    if not may_see_images(request.user):
        raise PermissionDenied
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Drift",
        "rows": drift.by_week(),
        "sample": drift.sampled_accuracy(),
        "waiting": drift.waiting_sample(),
        "weeks": drift.WEEKS,
    }
    return render(request, "admin/classifier/drift.html", context)
