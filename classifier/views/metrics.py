"""How good the active detector is, with its plots."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from classifier.detector.measuring import model_card, plots
from classifier.models import Detector

HEADLINE = (
    ("accuracy", "Accuracy", "of all images were told right"),
    ("precision", "Precision", "of those called real were real"),
    ("recall", "Recall", "of the real ones were called real"),
)
PLOTS = (
    ("loss", "Loss", "Loss on training images and on held-out sources, by epoch or by number of sources trained on."),
    ("accuracy", "Accuracy", "Accuracy on training images and on held-out sources, in the same way."),
    ("confusion", "Confusion matrix", "How many real and AI-generated test images were called which, at score 0.5."),
    ("roc", "ROC curve", "Real photographs recognised against AI images let through, at every threshold."),
)


def plots_of(detector: Detector) -> list[tuple[str, str, str]]:
    """Those plots that the detector's own report has figures for."""
    return [plot for plot in PLOTS if plots.draw(detector.card.get("report", {}), plot[0])]


@login_required
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    detector = Detector.objects.active()
    if detector is None:
        return render(request, "classifier/no_detector.html", status=503)
    context = {"detector": detector, "headline": HEADLINE, "plots": plots_of(detector)}
    context |= {"failures": model_card.FAILURES, "misuse": model_card.MISUSE}
    return render(request, "classifier/metrics.html", context)
