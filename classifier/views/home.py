"""Landing page and upload."""

from datetime import timedelta
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse, UnreadablePostError
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from classifier.forms.uploading import CheckedArchive, Chosen, GuestForm, UploadForm
from classifier.intake import batching, quotas, submitting
from classifier.intake.quotas import OverQuota
from classifier.models import Batch, Image
from classifier.results import examples
from classifier.views.doorway import SIGNED_OUT, counts_as_upload, from_script, go

NEWS_DAYS = 14


@counts_as_upload
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Landing page for strangers, upload for people who are signed in."""
    if not request.user.is_authenticated:
        if request.method == "POST":
            messages.error(request, SIGNED_OUT)
            return go(request, resolve_url("account_login"))
        guests_form = GuestForm() if settings.GUEST_CHECKS else None
        return render(request, "landing.html", {"form": guests_form, "examples": examples.all_of_them()})
    form = UploadForm()
    if request.method == "POST":
        try:
            form = UploadForm(request.POST, request.FILES)
        except UnreadablePostError:  # the connection broke in mid-upload: nobody is there to read a page
            return HttpResponseBadRequest("The upload was cut off; nothing of it was kept.", content_type="text/plain")
        if form.is_valid():
            return go(request, resolve_url(_accept(request, form)))
        if from_script(request):
            return JsonResponse({"errors": [str(error) for errors in form.errors.values() for error in errors]})
    latest = Image.objects.filter(owner=request.user).select_related("verdict")[:6]
    context = {"form": form, "latest": latest, "retention": settings.RETENTION_DAYS, **_news(request)}
    context["room"] = quotas.room_of(request.user)
    context["has_batches"] = Batch.objects.filter(owner=request.user).exists()
    return render(request, "classifier/upload.html", context)


def _news(request: HttpRequest) -> dict[str, object]:
    """Verdicts that changed and disputes that were answered lately."""
    since = timezone.localtime() - timedelta(days=NEWS_DAYS)
    mine = Image.objects.filter(owner=request.user.pk)
    return {
        "since": since.date().isoformat(),
        "changed": mine.filter(changed_at__gte=since).count(),
        "answered": mine.filter(disputes__closed_by__isnull=False, disputes__closed_at__gte=since).count(),
    }


def _accept(request: HttpRequest, form: UploadForm) -> Image | Batch | str:
    """Take in what was chosen: one picture alone, several as a batch, each zip as one of its own. Returns where to
    go."""
    owner, chosen = cast(User, request.user), form.chosen
    consent, told = form.cleaned_data.get("consent", False), form.cleaned_data["name"]
    if len(chosen.accepted) == 1 and not chosen.refused and not chosen.archives:
        return _alone(request, owner, chosen, consent)
    made = [batch for zipped in chosen.archives if (batch := _unpack(request, owner, zipped, consent, told))]
    if count := len(chosen.accepted) + len(chosen.refused):
        batch = batching.start(owner, batching.name_for(told, count), consent, count)
        files = [(checked.name, checked) for checked in chosen.accepted]
        if sentence := batching.add(batch, files, chosen.refused):
            messages.error(request, sentence)
        made.append(batch)
    return made[0] if len(made) == 1 else "batches" if made else "home"


def _alone(request: HttpRequest, owner: User, chosen: Chosen, consent: bool) -> Image | str:
    try:
        [submission] = submitting.submit_images(owner, chosen.accepted, consent)
    except OverQuota as error:
        messages.error(request, f"{chosen.accepted[0].name}: {error.sentence}")
        return "home"
    except submitting.NotStored as error:
        messages.error(request, error.sentence)
        return "home"
    if not submission.created:
        messages.info(request, f"You uploaded {submission.image.name} before; this is its result.")
    return submission.image


def _unpack(request: HttpRequest, owner: User, zipped: CheckedArchive, consent: bool, told: str) -> Batch | None:
    try:
        return batching.start_unpacking(owner, batching.name_for(told or zipped.name), consent, zipped.file)
    except OverQuota as error:
        messages.error(request, f"{zipped.name}: {error.sentence}")
        return None
