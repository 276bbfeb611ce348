"""How good the active detector is, with its plots."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.detector.measuring import model_card, plots
from classifier.detector.stats.measured import DecidedKey, Report
from classifier.models import Detector

HEADLINE = (
    ("accuracy", "Accuracy", "of all images were classified correctly"),
    ("precision", "Precision", "of those called real were real"),
    ("recall", "Recall", "of the real ones were called real"),
)
PLOTS = (
    ("loss", "Loss", "Loss on training images and on held-out sources, by epoch or by number of sources trained on."),
    ("accuracy", "Accuracy", "Accuracy on training images and on held-out sources, in the same way."),
    ("confusion", "Confusion matrix", "How many real and AI-generated test images were called which, at score 0.5."),
    ("roc", "ROC curve", "Real photographs recognised against AI images let through, at every threshold."),
)


TOLD: tuple[DecidedKey, ...] = ("real_called_fake", "fake_called_real", "share")


def plots_of(detector: Detector) -> list[tuple[str, str, str]]:
    """Those plots that the detector's own report has figures for."""
    return [plot for plot in PLOTS if plots.draw(detector.card.get("report", {}), plot[0])]


def everybody(report: Report) -> list[str]:
    """What the figures mean, without any of their names; from the strictest test that there is."""
    headline = report.get("headline")
    decided = headline["decided"] if headline else report.get("decided")
    accused, missed, share = (decided.get(key) if decided else None for key in TOLD)
    if accused is None or missed is None or share is None:
        return []
    return [
        f"Of 100 real photographs, {_of_hundred(accused)} are wrongly called AI-generated.",
        f"Of 100 AI-generated pictures, {_of_hundred(missed)} are wrongly called real photographs.",
        f"Of 100 pictures, {_of_hundred(1 - share)} get no answer but “inconclusive”, instead of a guess.",
    ]


def _of_hundred(share: float) -> str:
    """Never none and never all: nothing that was measured is certain."""
    count = round(100 * share)
    return "fewer than 1" if count < 1 else "more than 99" if count > 99 else f"about {count}"


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    detector = Detector.objects.active()
    if detector is None:
        return render(request, "classifier/no_detector.html", status=503)
    context = {"detector": detector, "headline": HEADLINE, "plots": plots_of(detector)}
    context |= {"everybody": everybody(detector.card.get("report", {}))}
    context |= {"failures": model_card.FAILURES, "misuse": model_card.MISUSE}
    return render(request, "classifier/metrics.html", context)
