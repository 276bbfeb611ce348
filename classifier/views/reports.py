"""Reports of one image: for its owner as JSON and PDF, for others through a link that ends."""

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.models import Image, Share, State
from classifier.results import report, sharing
from classifier.results.pdf import as_pdf
from classifier.templatetags.verdicts import conclusion
from classifier.views.access import own_image, stored_file, unlisted
from classifier.views.links import make_link

GONE = 410


def _done(image: Image) -> Image:
    if image.state != State.DONE:
        raise Http404
    prefetch_related_objects([image], "evidence")  # the report, its sentence and the page all read it
    return image


@login_required
@require_safe
def report_json(request: HttpRequest, uuid: UUID) -> JsonResponse:
    found = _done(own_image(request, uuid))
    response = JsonResponse(report.as_dict(found, private=True), json_dumps_params={"indent": 1, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="aidetect-{found.sha256[:12]}.json"'
    return response


@login_required
@require_safe
def report_pdf(request: HttpRequest, uuid: UUID) -> HttpResponse:
    return _pdf(_done(own_image(request, uuid)), private=True)


def _pdf(image: Image, private: bool) -> HttpResponse:
    response = HttpResponse(as_pdf(image, private, conclusion(image)), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="aidetect-{image.sha256[:12]}.pdf"'
    return response


@login_required
@require_POST
def image_share(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = _done(own_image(request, uuid))
    sees = "the report and a preview, not the original"
    return make_link(request, found.get_absolute_url(), partial(sharing.share, found), sees)


@login_required
@require_POST
def image_unshare(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = own_image(request, uuid)
    sharing.revoke_shares(found)
    messages.success(request, "Revoked: nobody can open the report any more but you.")
    return redirect(f"{found.get_absolute_url()}#share")


def _shared(token: str) -> Image:
    """The image behind an open link; everything else is not found."""
    shares = Share.objects.open().select_related("image__verdict__detector")
    return _done(get_object_or_404(shares, token=token).image)


@require_safe
@never_cache
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """The report for people without an account: no original, no place, no way to the owner."""
    if sharing.was_shared(token):
        return unlisted(render(request, "classifier/share_ended.html", status=GONE))
    found = _shared(token)
    context = {"image": found, "report": report.as_dict(found, private=False), "token": token}
    return unlisted(render(request, "classifier/shared.html", context))


@require_safe
@cache_control(private=True, no_store=True)
def shared_preview(request: HttpRequest, token: str) -> HttpResponseBase:
    return unlisted(stored_file(_shared(token).display, content_type="image/jpeg"))


@require_safe
@cache_control(private=True, no_store=True)
def shared_screen(request: HttpRequest, token: str) -> HttpResponseBase:
    """The preview for a phone."""
    return unlisted(stored_file(_shared(token).screen, content_type="image/jpeg"))


@require_safe
@never_cache
def shared_pdf(request: HttpRequest, token: str) -> HttpResponse:
    return unlisted(_pdf(_shared(token), private=False))
