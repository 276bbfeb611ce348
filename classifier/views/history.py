"""The history: list, filters, and what is done with many images at once."""

from typing import cast
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from classifier.forms.filtering import HistoryFilter
from classifier.forms.saying import TagForm
from classifier.intake import retention, submitting
from classifier.models import Image, ImageQuerySet
from classifier.results import listing, tagging
from classifier.results.table import csv_rows

COMPARED = 6
LAYOUTS = {"grid": ("Grid", "grid"), "list": ("List", "list-ul")}
"""By their names in the address: title and icon."""
LAYOUT_COOKIE = "history_layout"
YEAR = 365 * 86400


def _mine(request: HttpRequest) -> ImageQuerySet:
    return Image.objects.filter(owner=request.user.pk)


def _chosen(request: HttpRequest) -> ImageQuerySet:
    """The images that were ticked, as far as they are the person's own."""
    values = request.POST if request.method == "POST" else request.GET
    return _mine(request).filter(uuid__in=listing.uuids(values.getlist("image")))


def _filtered(request: HttpRequest) -> HistoryFilter:
    return HistoryFilter(request.GET, _mine(request), request=request)


def _back(request: HttpRequest) -> HttpResponse:
    """To the same list, filters and all."""
    query = urlencode(parse_qsl(request.POST.get("back", "")[:2000]))
    return redirect(f"{reverse('history')}?{query}" if query else "history")


@login_required
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """As a grid or as a list; what was chosen last is remembered in a cookie."""
    chosen = _filtered(request)
    page = listing.page_of(chosen, request.GET)
    wanted = request.GET.get("layout", "")
    remembered = request.COOKIES.get(LAYOUT_COOKIE, "")
    layout = next((name for name in (wanted, remembered) if name in LAYOUTS), "grid")
    tags = [tag.name for tag in tagging.used_by(request.user.pk)]
    context = {"form": chosen.form, "page": page, "layout": layout, "tags": tags}
    context["layouts"] = [(name, *words) for name, words in LAYOUTS.items()]
    response = render(request, "classifier/history.html", context)
    if wanted in LAYOUTS:
        response.set_cookie(
            LAYOUT_COOKIE, wanted, YEAR, path=reverse("history"), httponly=True, samesite="Lax",
            secure=request.is_secure(),
        )  # fmt: skip
    return response


@login_required
@require_safe
def history_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The filtered list, all pages of it."""
    images = listing.all_of(_filtered(request))
    rows = images.select_related("verdict__detector").prefetch_related("evidence", "tags").iterator(chunk_size=500)
    response = StreamingHttpResponse(csv_rows(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="aidetect-history.csv"'
    return response


@login_required
@require_POST
def history_delete(request: HttpRequest) -> HttpResponse:
    count = retention.delete_images(_chosen(request))
    messages.success(request, f"{count} image{pluralize(count)} deleted, with verdicts and files.")
    return _back(request)


@login_required
@require_POST
def history_again(request: HttpRequest) -> HttpResponse:
    count = submitting.analyse_again(_chosen(request))
    messages.success(request, f"{count} image{pluralize(count)} will be analysed again by the active detector.")
    return _back(request)


@login_required
@require_POST
def history_tag(request: HttpRequest) -> HttpResponse:
    """Tags for the images that were ticked."""
    return _tagged(request, remove=False)


@login_required
@require_POST
def history_untag(request: HttpRequest) -> HttpResponse:
    return _tagged(request, remove=True)


def _tagged(request: HttpRequest, remove: bool) -> HttpResponse:
    """From the list, or from the page of one image, where it leads back to then."""
    chosen, form, owner = _chosen(request), TagForm(request.POST), cast(User, request.user)
    if form.is_valid():
        words = form.cleaned_data["tag"]
        count = (tagging.untag if remove else tagging.tag)(owner, chosen, words)
        names = ", ".join(f"“{word}”" for word in words)
        images = f"{count} image{pluralize(count)}"
        messages.success(request, f"{names} removed from {images}." if remove else f"{images} tagged {names}.")
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    one = chosen.first() if "page" in request.POST else None
    return redirect(one) if one else _back(request)


@login_required
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Own images side by side, in the order they were uploaded."""
    if set(request.GET) - {"image"}:  # what the form of the history has besides is nothing for a bookmark
        query = urlencode([("image", value) for value in request.GET.getlist("image")])
        return redirect(f"{reverse('compare')}?{query}")
    images = _chosen(request).select_related("verdict__detector").prefetch_related("evidence").order_by("pk")
    found = list(images[: COMPARED + 1])
    if len(found) < 2:
        messages.info(request, "Choose two or more images to compare.")
        return redirect("history")
    if len(found) > COMPARED:
        messages.info(request, f"At most {COMPARED} images are compared at once; these are the first.")
    return render(request, "classifier/compare.html", {"images": found[:COMPARED]})
