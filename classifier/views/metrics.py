"""How good the active detector is, with its plots."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.detector.measuring import model_card, plots
from classifier.models import Detector

HEADLINE = (
    ("accuracy", "Accuracy", "of all images were classified correctly"),
    ("precision", "Precision", "of those called real were real"),
    ("recall", "Recall", "of the real ones were called real"),
)
FEW = 10
"""Images that a subset needs to be shown."""
PLOTS = (
    ("loss", "Loss", "Loss on training images and on held-out sources, by epoch or by number of sources trained on."),
    ("accuracy", "Accuracy", "Accuracy on training images and on held-out sources, in the same way."),
    ("confusion", "Confusion matrix", "How many real and AI-generated test images were called which, at score 0.5."),
    ("roc", "ROC curve", "Real photographs recognised against AI images let through, at every threshold."),
)


def plots_of(detector: Detector) -> list[tuple[str, str, str]]:
    """Those plots that the detector's own report has figures for."""
    return [plot for plot in PLOTS if plots.draw(detector.card.get("report", {}), plot[0])]


def everybody(report: dict[str, Any]) -> list[str]:
    """What the figures mean, without any of their names; from the strictest test that there is."""
    figures = (report.get("headline") or {}).get("decided") or report.get("decided") or {}
    if not {"real_called_fake", "fake_called_real", "share"} <= figures.keys():
        return []
    wrong, missed = _of_hundred(figures["real_called_fake"]), _of_hundred(figures["fake_called_real"])
    return [
        f"Of 100 real photographs, {wrong} are wrongly called AI-generated.",
        f"Of 100 AI-generated pictures, {missed} are wrongly called real photographs.",
        f"Of 100 pictures, {_of_hundred(1 - figures['share'])} get no answer but “inconclusive”, instead of a guess.",
    ]


def _of_hundred(share: float) -> str:
    """Never none and never all: nothing that was measured is certain."""
    count = round(100 * share)
    return "fewer than 1" if count < 1 else "more than 99" if count > 99 else f"about {count}"


def subsets(report: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Which kinds of photographs, or which generators, were called what; those with the most images first. Older
    reports do not say it."""
    rows = [row for row in report.get(key, []) if row["n"] >= FEW and row.get("called_real") is not None]
    for row in rows:
        row["inconclusive"] = max(0.0, 1 - row["called_fake"] - row["called_real"])
    return sorted(rows, key=lambda row: -int(row["n"]))


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    detector = Detector.objects.active()
    if detector is None:
        return render(request, "classifier/no_detector.html", status=503)
    context = {"detector": detector, "headline": HEADLINE, "plots": plots_of(detector)}
    report = detector.card.get("report", {})
    context |= {"everybody": everybody(report)}
    context |= {key: subsets(report, key) for key in ("photographs", "generators")}
    context |= {"failures": model_card.FAILURES, "misuse": model_card.MISUSE}
    return render(request, "classifier/metrics.html", context)
