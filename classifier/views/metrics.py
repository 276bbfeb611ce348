"""How good the active detector is, with its plots."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.detector.measuring import evaluation, hundred, model_card, plots
from classifier.detector.stats.measured import Decided, DecidedKey, Report, Subset
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


TOLD: tuple[DecidedKey, ...] = ("real_called_fake", "fake_called_real", "share")


def plots_of(detector: Detector) -> list[tuple[str, str, str]]:
    """Those plots that the detector's own report has figures for."""
    return [plot for plot in PLOTS if plots.draw(detector.card.get("report", {}), plot[0])]


def everybody(report: Report) -> list[str]:
    """What the figures mean, without any of their names; from the strictest test that there is."""
    decided = _strictest(report)
    if decided is None:
        return []
    accused, missed, share = (decided.get(key) for key in TOLD)
    if accused is None or missed is None or share is None:
        return []
    return [
        f"Of 100 real photographs, {_of_hundred(accused)} are wrongly called AI-generated.",
        f"Of 100 AI-generated pictures, {_of_hundred(missed)} are wrongly called real photographs.",
        f"Of 100 pictures, {_of_hundred(1 - share)} get no answer but “inconclusive”, instead of a guess.",
    ]


def _strictest(report: Report) -> Decided | None:
    headline = report.get("headline")
    return headline["decided"] if headline else report.get("decided")


def hundreds(report: Report) -> list[tuple[str, list[hundred.Part]]]:
    """The picture to `everybody`: for each kind what a hundred of it were called."""
    kinds = (("REAL", "Of 100 real photographs"), ("FAKE", "Of 100 AI-generated pictures"))
    decided = _strictest(report)
    drawn = [(title, hundred.parts_of(kind, decided)) for kind, title in kinds] if decided else []
    return [(title, parts) for title, parts in drawn if parts]


def _of_hundred(share: float) -> str:
    """Never none and never all: nothing that was measured is certain."""
    count = round(100 * share)
    return "fewer than 1" if count < 1 else "more than 99" if count > 99 else f"about {count}"


def subsets(rows: Sequence[Subset]) -> list[dict[str, object]]:
    """Which kinds of photographs, or which generators, were called what; those with the most images first. Older
    reports do not say it."""
    told = [row for row in rows if row["n"] >= FEW and row.get("called_real") is not None]
    largest_first = sorted(told, key=lambda row: -row["n"])
    return [{**row, "inconclusive": evaluation.inconclusive(row)} for row in largest_first]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    detector = Detector.objects.active()
    if detector is None:
        return render(request, "classifier/no_detector.html", status=503)
    context = {"detector": detector, "headline": HEADLINE, "plots": plots_of(detector)}
    report = detector.card.get("report", {})
    context |= {"everybody": everybody(report), "hundreds": hundreds(report)}
    context |= {key: subsets(report.get(key, [])) for key in ("photographs", "generators")}
    context |= {"failures": model_card.FAILURES, "misuse": model_card.MISUSE}
    return render(request, "classifier/metrics.html", context)
