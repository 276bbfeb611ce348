"""Pages: access → form → service → render."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    JsonResponse,
    UnreadablePostError,
)
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.template.defaultfilters import pluralize
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh

from classifier import history as listing
from classifier import services
from classifier.detector import modelcard
from classifier.forms import Chosen, DeleteAccountForm, HistoryForm, UploadForm
from classifier.models import Detector, Image

NOTHING_CHANGED = 204
View = Callable[..., HttpResponse]
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


def _image(request: HttpRequest, uuid: UUID) -> Image:
    """The access helper every image page starts with: owner and staff see it, everybody else gets 404."""
    images = Image.objects.visible_to(request.user).select_related("verdict__detector")
    return get_object_or_404(images, uuid=uuid)


def _own_image(request: HttpRequest, uuid: UUID) -> Image:
    return get_object_or_404(Image, uuid=uuid, owner=request.user.pk)


def member_or_reload(view: View) -> View:
    """For polled fragments: when the session has ended, the whole page is reloaded and leads to the log-in; a redirect
    would put the log-in form into the middle of the page."""
    members_only = login_required(view)

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "HX-Request" in request.headers and not request.user.is_authenticated:
            return HttpResponseClientRefresh()
        return members_only(request, *args, **kwargs)

    return guarded


@require_http_methods(["GET", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Landing page for strangers, upload for people who are signed in."""
    if not request.user.is_authenticated:
        if request.method == "POST":
            messages.error(request, "You were signed out, so nothing was uploaded. Sign in and choose the files again.")
            return _go(request, resolve_url("account_login"))
        return render(request, "landing.html")
    form = UploadForm()
    if request.method == "POST":
        try:
            form = UploadForm(request.POST, request.FILES)
        except UnreadablePostError:  # the connection broke in mid-upload: nobody is there to read a page
            return HttpResponseBadRequest("The upload was cut off; nothing of it was kept.", content_type="text/plain")
        if form.is_valid():
            return _go(request, _accept(request, form))
        if _from_script(request):
            return JsonResponse({"errors": [str(error) for errors in form.errors.values() for error in errors]})
    latest = Image.objects.filter(owner=request.user).select_related("verdict")[:6]
    return render(request, "classifier/upload.html", {"form": form, "latest": latest})


def _accept(request: HttpRequest, form: UploadForm) -> str:
    """Submit the good files, leave a message for each other one; returns where to go."""
    chosen: Chosen = form.cleaned_data["images"]
    consent = form.cleaned_data.get("consent", False)
    submissions = services.submit_images(cast(User, request.user), chosen.accepted, consent)
    for sentence in chosen.rejected:
        messages.error(request, sentence)
    for submission in submissions:
        if not submission.created:
            messages.info(request, f"You uploaded {submission.image.name} before; this is its result.")
    return resolve_url(submissions[0].image if len(submissions) == 1 else "history")


def _from_script(request: HttpRequest) -> bool:
    return request.headers.get("X-Requested-With") == "XMLHttpRequest"


def _go(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect; a script gets the address instead, because following it would use up the messages."""
    return JsonResponse({"location": url}) if _from_script(request) else redirect(url)


@login_required
@require_GET
def image(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = _image(request, uuid)
    return render(request, "classifier/image.html", _result(request, found))


@member_or_reload
@require_GET
def image_status(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The polled fragment; nothing is sent while nothing has changed."""
    found = _image(request, uuid)
    context = _result(request, found)
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=NOTHING_CHANGED)
    return render(request, "classifier/_result.html", context)


@member_or_reload
@require_GET
def image_card(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The same for one card of the history."""
    found = _image(request, uuid)
    if request.GET.get("seen") == found.state:
        return HttpResponse(status=NOTHING_CHANGED)
    return render(request, "classifier/_card.html", {"image": found, "selectable": "selectable" in request.GET})


def _result(request: HttpRequest, found: Image) -> dict[str, Any]:
    position = found.queue_position() if found.state == "waiting" else 0
    return {
        "image": found,
        "position": position,
        "seen": f"{found.state}-{position}",
        "is_owner": found.owner_id == request.user.pk,
        "picture_visible": found.picture_visible_to(request.user),
    }


@login_required
@require_GET
@cache_control(private=True, max_age=86400, immutable=True)
def image_file(request: HttpRequest, uuid: UUID, kind: str) -> HttpResponseBase:
    """Copies without metadata are shown inline; the original is only ever a download, for its owner."""
    found = _own_image(request, uuid) if kind == "original" else _image(request, uuid)
    file = {"thumbnail": found.thumbnail, "display": found.display, "original": found.original}[kind]
    if not file or not found.picture_visible_to(request.user):
        raise Http404
    try:
        stream = file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    if kind == "original":
        octets = "application/octet-stream"
        response = FileResponse(stream, as_attachment=True, filename=found.name, content_type=octets)
    else:
        response = FileResponse(stream, content_type="image/jpeg")
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@login_required
@require_POST
def image_retry(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = _own_image(request, uuid)
    if not services.retry(found):
        messages.info(request, f"{found.name} is already being analysed or done.")
    return redirect(found)


@login_required
@require_POST
def image_delete(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = _own_image(request, uuid)
    services.delete_images(Image.objects.filter(pk=found.pk))
    messages.success(request, f"{found.name} was deleted, with its verdict and its files.")
    return redirect("history")


@login_required
@require_GET
def history(request: HttpRequest) -> HttpResponse:
    form = HistoryForm(request.GET)
    page = listing.page_of(Image.objects.filter(owner=request.user.pk), form, request.GET)
    return render(request, "classifier/history.html", {"form": form, "page": page})


@login_required
@require_POST
def history_delete(request: HttpRequest) -> HttpResponse:
    chosen = [value for value in request.POST.getlist("image") if listing.is_uuid(value)]
    count = services.delete_images(Image.objects.filter(owner=request.user.pk, uuid__in=chosen))
    messages.success(request, f"{count} image{pluralize(count)} deleted, with verdicts and files.")
    return redirect("history")


@login_required
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    detector = services.active_detector()
    plots = [plot for plot in PLOTS if (detector.folder / f"{plot[0]}.svg").is_file()]
    context = {"detector": detector, "headline": HEADLINE, "plots": plots}
    context |= {"failures": modelcard.FAILURES, "misuse": modelcard.MISUSE}
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


@login_required
@require_http_methods(["GET", "POST"])
def delete_account(request: HttpRequest) -> HttpResponse:
    form = DeleteAccountForm(request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        user = cast(User, request.user)
        services.delete_account(user)
        logout(request)
        messages.success(request, "Your account and everything in it were deleted.")
        return redirect("home")
    count = Image.objects.filter(owner=request.user.pk).count()
    return render(request, "account/delete.html", {"form": form, "count": count})


@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """For load balancers: the database answers. Says nothing about anybody."""
    Image.objects.exists()
    return JsonResponse({"status": "ok"})
