"""The history: list, filters, and what is done with many images at once."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_POST, require_safe

from classifier.forms.filtering import HistoryFilter
from classifier.intake import retention, submitting
from classifier.models import Image, ImageQuerySet
from classifier.results import listing
from classifier.results.table import csv_rows

COMPARED = 6


def _mine(request: HttpRequest) -> ImageQuerySet:
    return Image.objects.filter(owner=request.user.pk)


def _chosen(request: HttpRequest) -> ImageQuerySet:
    """The images that were ticked, as far as they are the person's own."""
    values = request.POST if request.method == "POST" else request.GET
    return _mine(request).filter(uuid__in=listing.uuids(values.getlist("image")))


def _filtered(request: HttpRequest) -> HistoryFilter:
    return HistoryFilter(request.GET, _mine(request), request=request)


@login_required
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    chosen = _filtered(request)
    page = listing.page_of(chosen, request.GET)
    return render(request, "classifier/history.html", {"form": chosen.form, "page": page})


@login_required
@require_safe
def history_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The filtered list, all pages of it."""
    images = listing.all_of(_filtered(request))
    rows = images.select_related("verdict__detector").prefetch_related("evidence").iterator(chunk_size=500)
    response = StreamingHttpResponse(csv_rows(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="aidetect-history.csv"'
    return response


@login_required
@require_POST
def history_delete(request: HttpRequest) -> HttpResponse:
    count = retention.delete_images(_chosen(request))
    messages.success(request, f"{count} image{pluralize(count)} deleted, with verdicts and files.")
    return redirect("history")


@login_required
@require_POST
def history_again(request: HttpRequest) -> HttpResponse:
    count = submitting.analyse_again(_chosen(request))
    messages.success(request, f"{count} image{pluralize(count)} will be analysed again by the active detector.")
    return redirect("history")


@login_required
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Own images side by side, in the order they were uploaded."""
    images = _chosen(request).select_related("verdict__detector").prefetch_related("evidence").order_by("pk")
    found = list(images[: COMPARED + 1])
    if len(found) < 2:
        messages.info(request, "Choose two or more images to compare.")
        return redirect("history")
    if len(found) > COMPARED:
        messages.info(request, f"At most {COMPARED} images are compared at once; these are the first.")
    return render(request, "classifier/compare.html", {"images": found[:COMPARED]})
