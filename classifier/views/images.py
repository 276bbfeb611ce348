"""One image: its page, its polled fragments, its files, what its owner can do with it."""

from base64 import b64decode
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseStopPolling

from classifier.forms.saying import DisputeForm
from classifier.intake import retention, submitting
from classifier.labelling import disputes
from classifier.models import Claim, Image, Share, State
from classifier.results import time_left
from classifier.views.access import (
    NOTHING_CHANGED,
    guest_of,
    guest_or_member,
    inert,
    member_or_reload,
    own_image,
    picture_visible,
    stored_file,
    visible_image,
)

HEAT_AWAITED = timedelta(minutes=2)


@guest_or_member
@require_safe
def image(request: HttpRequest, uuid: UUID) -> HttpResponse:
    return render(request, "classifier/image.html", _page(request, visible_image(request, uuid)))


@member_or_reload
@require_safe
def image_status(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The polled fragment, all of the page that a verdict changes; nothing is sent while nothing has changed."""
    context = _page(request, visible_image(request, uuid))
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=NOTHING_CHANGED)
    return render(request, "classifier/_status.html", context)


@member_or_reload
@require_safe
def image_card(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The same for one card of the history."""
    found = visible_image(request, uuid)
    if request.GET.get("seen") == found.state:
        return HttpResponse(status=NOTHING_CHANGED)
    template = "classifier/_row.html" if "row" in request.GET else "classifier/_card.html"
    return render(request, template, {"image": found, "selectable": "selectable" in request.GET})


def _page(request: HttpRequest, found: Image) -> dict[str, object]:
    """What the page shows, whether it is opened or arrives by polling."""
    context = _result(request, found)
    is_owner = context["is_owner"]
    return context | {
        "dispute": found.disputes.first(),
        "share": Share.objects.open().filter(image=found).first() if is_owner else None,
        "share_days": settings.SHARE_DAYS,
        "everything_is_reviewed": settings.REVIEW_SCOPE == "all",
        "newer_detector": is_owner and found.verdict is not None and not found.verdict.detector.active,
    }


def _result(request: HttpRequest, found: Image) -> dict[str, object]:
    """The picture and its verdict."""
    position = found.queue_position() if found.state == State.WAITING else 0
    promise = time_left.promise(found, position) if position else ""
    if found.state == State.DONE:
        prefetch_related_objects([found], "evidence")  # the cards, the sentence and the warning all read it
    return {
        "image": found,
        "position": position,
        "promise": promise,
        "seen": f"{found.state}-{position}-{len(promise)}",
        "is_owner": found.owner_id == request.user.pk,
        "picture_visible": picture_visible(request, found),
    }


@guest_or_member
@require_safe
@cache_control(private=True, max_age=86400, immutable=True)
def image_file(request: HttpRequest, uuid: UUID, kind: str) -> HttpResponseBase:
    """Copies without metadata are shown inline; the original is only ever a download, for its owner."""
    found = own_image(request, uuid) if kind == "original" else visible_image(request, uuid)
    if not picture_visible(request, found):
        raise Http404
    if kind == "original":
        return stored_file(found.original, "application/octet-stream", download_as=found.name)
    return stored_file(getattr(found, kind), content_type="image/png" if kind == "heat" else "image/jpeg")


@guest_or_member
@require_safe
@cache_control(private=True, max_age=86400)
def image_ingredient(request: HttpRequest, uuid: UUID, number: int) -> HttpResponseBase:
    """A small picture of what a signed picture was made from, as its manifest brought it along."""
    found = visible_image(request, uuid)
    piece = found.evidence.filter(kind="c2pa").first()
    pictures = piece.details.get("pictures", []) if piece and picture_visible(request, found) else []
    if number >= len(pictures) or not pictures[number]:
        raise Http404
    return inert(HttpResponse(b64decode(pictures[number]), content_type="image/jpeg"))


@member_or_reload
@require_safe
def image_heat_toggle(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The switch for the heat map, which is drawn a moment after the verdict."""
    found = visible_image(request, uuid)
    if not found.heat:
        drawing = found.verdict and timezone.now() - found.verdict.created_at < HEAT_AWAITED
        return HttpResponse(status=NOTHING_CHANGED) if drawing else HttpResponseStopPolling()
    return render(request, "classifier/_picture.html", _result(request, found))


@login_required
@require_POST
def image_again(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Once more with the active detector, whether it failed or not."""
    found = own_image(request, uuid)
    if not submitting.analyse_again(Image.objects.filter(pk=found.pk)):
        messages.info(request, f"{found.name} is being analysed already.")
    return redirect(found)


@guest_or_member
@require_POST
def image_delete(request: HttpRequest, uuid: UUID) -> HttpResponse:
    guest = guest_of(request)
    found = visible_image(request, uuid) if guest else own_image(request, uuid)
    retention.delete_images(Image.objects.filter(pk=found.pk))
    messages.success(request, f"{found.name} was deleted, with its verdict and its files.")
    return redirect("home" if guest else "history")


@login_required
@require_POST
def image_consent(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Give or withdraw consent to review, at any time."""
    found = own_image(request, uuid)
    consent = request.POST.get("consent") == "yes"
    disputes.set_consent(found, consent)
    messages.success(
        request,
        f"Thank you. Staff may look at {found.name} now, and it may be used to improve the detector."
        if consent
        else f"Withdrawn: staff no longer see {found.name}, and it leaves the dataset with its next version.",
    )
    return redirect(found)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def image_dispute(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = own_image(request, uuid)
    form = DisputeForm(request.POST if request.method == "POST" else None, consent=found.trainable)
    if found.state != State.DONE:
        messages.info(request, "There is no verdict to dispute yet.")
        return redirect(found)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        training = said.get("training", False)
        if disputes.dispute(found, Claim(said["claim"]), said["how"], said["category"], training):
            messages.success(request, "Thank you. A person will look at it; the answer appears on this page.")
        else:
            messages.info(request, "This verdict is disputed already; a person will look at it.")
        return redirect(found)
    return render(request, "classifier/dispute.html", {"image": found, "form": form}, status=200)


@login_required
@require_POST
def image_dispute_withdraw(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = own_image(request, uuid)
    if disputes.withdraw_dispute(found):
        messages.success(request, "Your dispute was withdrawn.")
    return redirect(found)
