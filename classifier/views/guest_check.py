"""One picture without an account."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.http import require_http_methods

from classifier.forms.uploading import GuestForm
from classifier.intake import guests
from classifier.models import Image
from classifier.results import examples
from classifier.views.access import guest_of
from classifier.views.doorway import FORM_BYTES, STRANGERS_BYTES, from_script, go, may_bring

GUEST = "guest"
"""The session's key of its secret."""


def address_of(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _most_bytes(request: HttpRequest) -> float:
    """Room for one picture, unless it is refused anyway."""
    refused = request.user.is_authenticated or not settings.GUEST_CHECKS or guests.objection(address_of(request))
    return STRANGERS_BYTES if refused else FORM_BYTES + 1e6 * settings.MAX_UPLOAD_MB


@may_bring(_most_bytes)
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Take in one picture, and lead to its page."""
    if not settings.GUEST_CHECKS:
        raise Http404
    if request.user.is_authenticated or request.method != "POST":
        return redirect("home")
    if earlier := guests.pending(guest_of(request)):
        messages.info(request, "One picture at a time: this one is not judged yet.")
        return go(request, resolve_url(earlier))
    if sentence := guests.objection(address_of(request)):
        return _refuse(request, [sentence])
    try:
        form = GuestForm(request.POST, request.FILES)
    except UnreadablePostError:
        return _refuse(request, ["The upload was cut off; nothing of it was kept."])
    if not form.is_valid():
        return _refuse(request, [str(error) for errors in form.errors.values() for error in errors])
    return go(request, resolve_url(_accept(request, form)))


def _accept(request: HttpRequest, form: GuestForm) -> Image:
    guest = request.session.setdefault(GUEST, guests.new_guest())
    guests.count(address_of(request))
    return guests.submit(guest, form.picture)


def _refuse(request: HttpRequest, sentences: list[str]) -> HttpResponse:
    if from_script(request):
        return JsonResponse({"errors": sentences})
    context = {"form": GuestForm(), "sentences": sentences, "examples": examples.all_of_them()}
    return render(request, "landing.html", context)
