"""The page of the review queue, in the administration."""

from typing import cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.cache import never_cache

from classifier.accounts import trail
from classifier.admin import start
from classifier.forms.asking import one_line, whole_number, whole_numbers
from classifier.labelling import queue
from classifier.models import Act, Category, DisputeState, GroundTruth, Image

REMEMBERED = 200
"""How many skipped images a session remembers."""


@never_cache
def review(request: HttpRequest) -> HttpResponse:
    """One image, large; R, F, S, K and U answer it. What the detector says is shown only afterwards."""
    if not request.user.has_perm("classifier.change_image"):
        raise PermissionDenied
    by = cast(User, request.user)
    skipped: list[int] = request.session.get("skipped", [])
    if request.method == "POST":
        _act(request, by, skipped)
        return redirect(reverse("admin:classifier_image_review"))
    image = queue.next_for_review(by, skipped)
    near = queue.beside(image) if image else []
    trail.saw(request, [image, *near] if image else [])
    context = {
        **admin.site.each_context(request),
        "title": "Review",
        "opts": Image._meta,
        "image": image,
        "following": queue.following(by, [*skipped, image.pk]) if image else None,
        "near": near,
        "categories": Category.choices,
        "dispute": image.disputes.filter(state=DisputeState.OPEN).first() if image else None,
        "left": start.counted(queue.waiting(by)),
        "today": queue.labelled_today(by),
        "skipped": len(skipped),
    }
    return render(request, "admin/classifier/image/review.html", context)


def _act(request: HttpRequest, by: User, skipped: list[int]) -> None:
    act, number = request.POST.get("act", ""), request.POST.get("image", "")
    if act == "again":
        request.session["skipped"] = []
    elif act == "undo":
        image = queue.take_back(by)
        if image:
            trail.did(request, Act.TOOK_BACK, image.pk)
            request.session["skipped"] = [number for number in skipped if number != image.pk]
        took = f"{image.name}: your label was taken back; here it is again." if image else ""
        messages.info(request, took or "There is nothing to take back.")
    else:
        image = Image.objects.filter(pk=whole_number(number) or 0).first()
        if image and act == "skip":
            queue.release(image)
            trail.did(request, Act.SKIPPED, image.pk)
            request.session["skipped"] = [*skipped, image.pk][-REMEMBERED:]
        elif image and act in GroundTruth.values:
            _label(request, image, by, GroundTruth(act))


def _label(request: HttpRequest, image: Image, by: User, new: GroundTruth) -> None:
    note, category = one_line(request.POST.get("note", ""), 300), request.POST.get("category", "")
    near = whole_numbers(request.POST.getlist("near"))
    if not queue.answer(image, by, new, note, category if category in Category.values else "", near):
        messages.error(request, f"{image.name} went to somebody else meanwhile; nothing was changed.")
        return
    trail.did(request, Act.LABELLED, image.pk, new)
    trail.saw(request, near)
    image.refresh_from_db()
    said = f"{image.get_outcome_display()} ({image.score:.2f})" if image.score is not None else image.outcome
    together = f" The same for {len(near)} near-duplicate{pluralize(len(near))}." if near else ""
    contested = " Contested: a colleague said otherwise, so a third opinion is asked for." if image.contested else ""
    messages.success(request, f"{image.name}: {new.label}. The verdict was: {said}.{together}{contested}")
