"""Pages that say what this is: the examples, how to read a verdict, privacy, contact."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.intake.retention import GUESTS_KEPT
from classifier.models import Detector
from classifier.results import examples
from classifier.views.metrics import everybody


@require_safe
def example(request: HttpRequest, name: str) -> HttpResponse:
    """The page of one example, as its owner would see it."""
    found = examples.named(name)
    if found is None:
        raise Http404
    others = [one for one in examples.all_of_them() if one.name != name]
    return render(request, "about/example.html", {"example": found, "image": found.image, "others": others})


@require_safe
def how_to_read(request: HttpRequest) -> HttpResponse:
    detector = Detector.objects.active()
    sentences = everybody(detector.card.get("report", {})) if detector else []
    return render(request, "about/how_to_read.html", {"everybody": sentences, "examples": examples.all_of_them()})


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    context = {
        "retention": settings.RETENTION_DAYS,
        "everything_is_reviewed": settings.REVIEW_SCOPE == "all",
        "guests": settings.GUEST_CHECKS,
        "guests_minutes": int(GUESTS_KEPT.total_seconds() // 60),
        "share_days": settings.SHARE_DAYS,
    }
    return render(request, "about/privacy.html", context)


@require_safe
def contact(request: HttpRequest) -> HttpResponse:
    return render(request, "about/contact.html")
