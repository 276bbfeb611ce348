"""Landing page and upload."""

from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse, UnreadablePostError
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from classifier.forms.uploading import Chosen, UploadForm
from classifier.intake import quotas, submitting
from classifier.models import Image
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
        return render(request, "landing.html")
    form = UploadForm()
    if request.method == "POST":
        try:
            form = UploadForm(request.POST, request.FILES)
        except UnreadablePostError:  # the connection broke in mid-upload: nobody is there to read a page
            return HttpResponseBadRequest("The upload was cut off; nothing of it was kept.", content_type="text/plain")
        if form.is_valid():
            return go(request, _accept(request, form))
        if from_script(request):
            return JsonResponse({"errors": [str(error) for errors in form.errors.values() for error in errors]})
    latest = Image.objects.filter(owner=request.user).select_related("verdict")[:6]
    context = {"form": form, "latest": latest, "retention": settings.RETENTION_DAYS, **_news(request)}
    context["room"] = quotas.room_of(request.user)
    return render(request, "classifier/upload.html", context)


def _news(request: HttpRequest) -> dict[str, Any]:
    """Verdicts that changed and disputes that were answered lately."""
    since = timezone.localtime() - timedelta(days=NEWS_DAYS)
    mine = Image.objects.filter(owner=request.user.pk)
    return {
        "since": since.date().isoformat(),
        "changed": mine.filter(changed_at__gte=since).count(),
        "answered": mine.filter(disputes__closed_by__isnull=False, disputes__closed_at__gte=since).count(),
    }


def _accept(request: HttpRequest, form: UploadForm) -> str:
    """Submit the good files, leave a message for each other one; returns where to go."""
    chosen: Chosen = form.cleaned_data["images"]
    consent = form.cleaned_data.get("consent", False)
    person = cast(User, request.user)
    try:
        submissions = submitting.submit_images(person, chosen.accepted, consent, refused=chosen.rejected)
    except submitting.NotStored as error:
        submissions = error.accepted
        messages.error(request, error.sentence)
    for sentence in chosen.rejected:
        messages.error(request, sentence)
    for submission in submissions:
        if not submission.created:
            messages.info(request, f"You uploaded {submission.image.name} before; this is its result.")
    if not submissions:
        return resolve_url("home")
    return resolve_url(submissions[0].image if len(submissions) == 1 else "history")
