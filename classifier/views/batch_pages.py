"""Batches: the list, a batch's page with its polled parts, what its owner can do with it, and its shared page."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypedDict, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
    UnreadablePostError,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.forms.uploading import BatchFilesForm, BatchForm, UploadForm
from classifier.intake import batching, quotas
from classifier.intake.quotas import OverQuota
from classifier.models import Batch, BatchShare, Image
from classifier.results import batch_pdf, batch_report, sharing
from classifier.views.access import NOTHING_CHANGED, member_or_reload, stored_file, unlisted
from classifier.views.doorway import FORM_BYTES, STRANGERS_BYTES, counts_as_upload, may_bring
from classifier.views.links import make_link

CREATED, CONFLICT, BAD, GONE = 201, 409, 400, 410
LISTED = 30
ACTS: dict[str, tuple[Callable[[Batch], bool | int], str]] = {
    "pause": (batching.pause, "Paused. What a worker has in hand is still finished."),
    "resume": (batching.resume, "It goes on."),
    "cancel": (batching.cancel, "Cancelled. What was judged stays; nothing else will be."),
    "rest": (batching.judge_rest, "The rest is in the queue again."),
}


def own_batch(request: HttpRequest, uuid: UUID) -> Batch:
    """Only its owner sees it; staff see images, as far as they may, not who sent them in together."""
    return get_object_or_404(Batch, uuid=uuid, owner=request.user.pk)


@login_required
@require_safe
def batches(request: HttpRequest) -> HttpResponse:
    mine = Batch.objects.filter(owner=request.user.pk).annotate(files=Count("items")).order_by("-pk")
    page = Paginator(mine, LISTED).get_page(request.GET.get("page"))
    return render(request, "classifier/batches.html", {"page": page})


@login_required
@require_POST
def batch_start(request: HttpRequest) -> JsonResponse:
    """For the upload form's script: an empty batch, to which it adds the files in several requests."""
    form = BatchForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"errors": _sentences(form)}, status=BAD)
    said = form.cleaned_data
    owner = cast(User, request.user)
    if sentence := quotas.room_of(owner).objection_to_all(said["expected"], said["size"] or 0):
        return JsonResponse({"errors": [sentence]}, status=BAD)
    name = batching.name_for(said["name"], said["expected"])
    batch = batching.start(owner, name, said["consent"], said["expected"])
    addresses = {"location": batch.get_absolute_url(), "add": reverse("batch_add", args=[batch.uuid])}
    return JsonResponse(addresses, status=CREATED)


def _bytes_of_a_zip(request: HttpRequest) -> float:
    return FORM_BYTES + 1e6 * settings.MAX_BATCH_MB if request.user.is_authenticated else STRANGERS_BYTES


@may_bring(_bytes_of_a_zip)
@counts_as_upload
@login_required
@require_POST
def batch_zip(request: HttpRequest) -> HttpResponse:
    """One zip, which may be larger than what a request brings otherwise."""
    try:
        form = UploadForm(request.POST, request.FILES)
    except UnreadablePostError:
        return JsonResponse({"errors": ["The upload was cut off; nothing of it was kept."]}, status=BAD)
    if not form.is_valid() or len(form.chosen.archives) != 1:
        return JsonResponse({"errors": _sentences(form) or ["Expected one zip."]}, status=BAD)
    [zipped], told = form.chosen.archives, form.cleaned_data
    try:
        batch = batching.start_unpacking(
            cast(User, request.user),
            batching.name_for(told["name"] or zipped.name),
            bool(told.get("consent")),
            zipped.file,
        )
    except OverQuota as error:
        return JsonResponse({"errors": [error.sentence]}, status=BAD)
    return JsonResponse({"location": batch.get_absolute_url()}, status=CREATED)


@counts_as_upload
@login_required
@require_POST
def batch_add(request: HttpRequest, uuid: UUID) -> JsonResponse:
    """Some of its files. Each is taken in or listed with the reason why not."""
    batch = own_batch(request, uuid)
    form = BatchFilesForm(batch, request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"errors": _sentences(form)}, status=BAD)
    try:
        batching.add(batch, form.accepted, form.refused)
    except batching.BatchEnded:
        return JsonResponse({"errors": ["This batch was cancelled or deleted."]}, status=CONFLICT)
    return JsonResponse({"received": batch.items.count()})


def _sentences(form: Any) -> list[str]:
    return [str(error) for errors in form.errors.values() for error in errors]


@login_required
@require_safe
def batch(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = own_batch(request, uuid)
    context = {**_context(request, found), "share": BatchShare.objects.open().filter(batch=found).first()}
    return render(request, "classifier/batch.html", {**context, "share_days": settings.SHARE_DAYS})


@member_or_reload
@require_safe
def batch_status(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The polled part: progress, counts and table. Nothing is sent while nothing has changed."""
    context = _context(request, own_batch(request, uuid))
    if request.GET.get("seen") == context["progress"].seen:
        return HttpResponse(status=NOTHING_CHANGED)
    return render(request, "classifier/_batch.html", context)


class _Shown(TypedDict):
    batch: Batch
    progress: batch_report.Progress
    table: batch_report.Table


def _context(request: HttpRequest, found: Batch) -> _Shown:
    return {
        "batch": found,
        "progress": batch_report.progress(found),
        "table": batch_report.table(found, request.GET),
    }


@login_required
@require_safe
def batch_csv(request: HttpRequest, uuid: UUID) -> StreamingHttpResponse:
    found = own_batch(request, uuid)
    items = batch_report.with_images(found.items.order_by("id")).iterator(chunk_size=500)
    response = StreamingHttpResponse(batch_report.csv_rows(items), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="aidetect-batch-{found.pk}.csv"'
    return response


@login_required
@require_safe
def batch_report_pdf(request: HttpRequest, uuid: UUID) -> HttpResponse:
    return _pdf(own_batch(request, uuid))


def _pdf(found: Batch) -> HttpResponse:
    response = HttpResponse(batch_pdf.as_pdf(found), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="aidetect-batch-{found.pk}.pdf"'
    return response


@login_required
@require_POST
def batch_act(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Pause, go on, cancel, judge the rest, rename."""
    found, act = own_batch(request, uuid), request.POST.get("act", "")
    if act == "rename":
        batching.rename(found, request.POST.get("name", ""))
        return redirect(found)
    if act not in ACTS:
        return HttpResponse("Expected pause, resume, cancel, rest or rename.", status=BAD, content_type="text/plain")
    change, done = ACTS[act]
    messages.info(request, done if change(found) else "There was nothing to change.")
    return redirect(found)


@login_required
@require_POST
def batch_delete(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = own_batch(request, uuid)
    count = batching.delete(found, with_images=request.POST.get("images") == "too")
    went = f"with {count} image{pluralize(count)}, verdicts and files" if count else "the images stay in your history"
    messages.success(request, f"The batch “{found.name}” was deleted; {went}.".replace("; with", " with"))
    return redirect("batches")


@login_required
@require_POST
def batch_share(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = own_batch(request, uuid)
    sees = "names, verdicts and previews, no originals"
    return make_link(request, found.get_absolute_url(), partial(sharing.share_batch, found), sees)


@login_required
@require_POST
def batch_unshare(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = own_batch(request, uuid)
    sharing.revoke_batch_shares(found)
    messages.success(request, "Revoked: nobody can open this list any more but you.")
    return redirect(f"{found.get_absolute_url()}#share")


def _shared(token: str) -> Batch:
    share: BatchShare = get_object_or_404(BatchShare.objects.open().select_related("batch"), token=token)
    return share.batch


@require_safe
@never_cache
def shared_batch(request: HttpRequest, token: str) -> HttpResponse:
    """The list for people without an account: no original, no way to the owner."""
    if sharing.was_shared(token, BatchShare):
        return unlisted(render(request, "classifier/share_ended.html", status=GONE))
    context = {**_context(request, _shared(token)), "token": token}
    return unlisted(render(request, "classifier/shared_batch.html", context))


@require_safe
@cache_control(private=True, no_store=True)
def shared_batch_preview(request: HttpRequest, token: str, uuid: UUID) -> HttpResponseBase:
    image = Image.objects.filter(batch_items__batch=_shared(token), uuid=uuid).first()
    if image is None:
        raise Http404
    return unlisted(stored_file(image.thumbnail, content_type="image/jpeg"))


@require_safe
@never_cache
def shared_batch_pdf(request: HttpRequest, token: str) -> HttpResponse:
    return unlisted(_pdf(_shared(token)))
