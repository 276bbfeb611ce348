"""How good the active detector is, with its plots."""

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from classifier.detector.measuring import model_card
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


@login_required
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    detector = Detector.objects.active()
    if detector is None:
        return render(request, "classifier/no_detector.html", status=503)
    plots = [plot for plot in PLOTS if (detector.folder / f"{plot[0]}.svg").is_file()]
    context = {"detector": detector, "headline": HEADLINE, "plots": plots}
    context |= {"failures": model_card.FAILURES, "misuse": model_card.MISUSE}
    return render(request, "classifier/metrics.html", context)


@login_required
@require_GET
@cache_control(private=True, max_age=3600)
def metrics_plot(request: HttpRequest, version: str, name: str) -> HttpResponseBase:
    detector = get_object_or_404(Detector, version=version)
    path = detector.folder / f"{name}.svg"
    if not path.is_file():
        raise Http404
    response = FileResponse(path.open("rb"), content_type="image/svg+xml")
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return response
