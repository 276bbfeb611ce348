"""Every address below /api/v1/."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.http import urlencode
from ninja import Query, QueryEx, Status

from classifier.api import sending, waiting
from classifier.api.bearer import Caller, may_read, may_send
from classifier.api.document import Interface, binary, multipart
from classifier.api.once import once
from classifier.api.problems import Problem, Wrong
from classifier.api.shapes import (
    DisputeIn,
    EvidenceShape,
    Filters,
    FullImageShape,
    InspectionShape,
    LimitsShape,
    PageShape,
    SubmittedShape,
    TokenShape,
    UploadShape,
    full_image_shape,
    image_shape,
    network_shape,
)
from classifier.forms.filtering import HistoryFilter
from classifier.forms.saying import DisputeForm
from classifier.intake import inspecting, retention, submitting
from classifier.intake.submitting import CheckedFile
from classifier.labelling import disputes
from classifier.models import Claim, Image, ImageQuerySet, Inspection, JobState, State
from classifier.results import listing, report
from classifier.results.pdf import as_pdf
from classifier.templatetags.verdicts import conclusion
from classifier.views.access import own_image, stored_file

api = Interface()
Wait = Annotated[
    float,
    QueryEx(ge=0, le=waiting.LONGEST, description="seconds to wait for a verdict; a busy server answers earlier"),
]
CONSENT = {"type": "boolean", "description": "staff may look at the images, and they may improve the detector"}


@api.get("/token", auth=may_read, response=TokenShape, tags=["token"], summary="What this token may do")
def token(request: Caller) -> TokenShape:
    known = request.auth
    limits = LimitsShape(
        files=settings.MAX_FILES,
        megabytes=settings.MAX_UPLOAD_MB,
        megapixels=settings.MAX_MEGAPIXELS,
        smallest_side=settings.SMALLEST_SIDE,
        calls_per_minute=settings.API_PER_MINUTE,
    )
    return TokenShape(
        user=known.owner.get_username(), name=known.name, scopes=known.scopes, expires=known.expires_at, limits=limits
    )


@api.post(
    "/images", auth=may_send, response={200: UploadShape, 201: UploadShape}, tags=["images"],
    openapi_extra=multipart("images", many=True, consent=CONSENT), summary="Upload one or many",
)  # fmt: skip
@once
def upload(request: Caller, wait: Wait = 0.0) -> Status[UploadShape]:
    """201 when at least one is new. The same bytes again lead to the result that is there already."""
    sending.require_room(request.user)
    files = sending.files_of(request, "images", settings.MAX_FILES)
    consent = sending.ticked(request, "consent") and settings.REVIEW_SCOPE != "all"
    checked = sending.check(files)
    over: list[submitting.Refused] = []
    submissions = submitting.submit_images(request.user, checked.good, consent, over)
    refused = checked.refused + sending.over_quota(over, none_stored=not submissions)
    numbers = [submission.image.pk for submission in submissions]
    _wait_for(numbers, wait)
    images = _mine(request).filter(pk__in=numbers).prefetch_related("evidence", "disputes").in_bulk()
    submitted = [
        SubmittedShape(created=one.created, image=full_image_shape(images[one.image.pk], request))
        for one in submissions
        if one.image.pk in images  # else deleted meanwhile
    ]
    status = 201 if any(one.created for one in submissions) else 200
    return Status(status, UploadShape(images=submitted, refused=refused))


@api.get("/images", auth=may_read, response=PageShape, tags=["images"], summary="List, newest first")
def images(request: Caller, filters: Query[Filters]) -> PageShape:
    """With the filters of the history. What a filter doesn't know is refused."""
    if unknown := sorted(set(request.GET) - set(Filters.model_fields)):
        wrong = [Wrong(where=name[:100], detail="There is no such filter.") for name in unknown[:20]]
        raise Problem(422, "Some filters don't exist.", "invalid", wrong)
    chosen = HistoryFilter(request.GET, Image.objects.filter(owner=request.user.pk), request=request)
    if not chosen.is_valid():
        errors = chosen.form.errors.items()
        raise Problem(422, "Some filters can't be used.", "invalid", [_wrong(name, said) for name, said in errors])
    try:
        found, cursor = listing.rows_of(chosen, filters.cursor, filters.limit)
    except listing.BadCursor:
        wrong = [Wrong(where="cursor", detail="It must be the cursor of a page with the same filters.")]
        raise Problem(422, wrong[0]["detail"], "invalid", wrong) from None
    prefetch_related_objects(found, "evidence", "disputes")
    query = urlencode({**request.GET.dict(), "cursor": cursor})
    following = request.build_absolute_uri(f"{request.path}?{query}") if cursor else None
    return PageShape(images=[image_shape(one, request) for one in found], cursor=cursor or None, next=following)


@api.get(
    "/images/{uuid:uuid}", auth=may_read, response=FullImageShape, url_name="image", tags=["images"],
    summary="One image, its verdict and its evidence",
)  # fmt: skip
def image(request: Caller, uuid: UUID, wait: Wait = 0.0) -> FullImageShape:
    found = own_image(request, uuid)
    if found.is_pending and wait:
        _wait_for([found.pk], wait)
        found = own_image(request, uuid)
    return full_image_shape(found, request)


@api.delete(
    "/images/{uuid:uuid}", auth=may_send, response={204: None}, tags=["images"], summary="Delete it, with its files"
)
def delete(request: Caller, uuid: UUID) -> Status[None]:
    retention.delete_images(Image.objects.filter(pk=own_image(request, uuid).pk))
    return Status(204, None)


@api.post(
    "/images/{uuid:uuid}/again", auth=may_send, response={202: FullImageShape}, tags=["images"],
    summary="Analyse it again with the active detector",
)  # fmt: skip
@once
def again(request: Caller, uuid: UUID) -> Status[FullImageShape]:
    """What waits already goes on waiting."""
    submitting.analyse_again(Image.objects.filter(pk=own_image(request, uuid).pk))
    return Status(202, full_image_shape(own_image(request, uuid), request))


@api.get(
    "/images/{uuid:uuid}/report.json", auth=may_read, response={200: None}, url_name="report_json", tags=["reports"],
    openapi_extra={"responses": {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}},
    summary="The report as JSON",
)  # fmt: skip
def report_json(request: Caller, uuid: UUID) -> JsonResponse:
    """Its keys are in docs/evidence.md."""
    return JsonResponse(report.as_dict(_done(request, uuid), private=True))


@api.get(
    "/images/{uuid:uuid}/report.pdf", auth=may_read, response={200: None}, url_name="report_pdf", tags=["reports"],
    openapi_extra=binary("application/pdf"), summary="The report as PDF",
)  # fmt: skip
def report_pdf(request: Caller, uuid: UUID) -> HttpResponse:
    found = _done(request, uuid)
    return HttpResponse(as_pdf(found, True, conclusion(found)), content_type="application/pdf")


@api.get(
    "/images/{uuid:uuid}/heat.png", auth=may_read, response={200: None}, url_name="heat_map", tags=["reports"],
    openapi_extra=binary("image/png"), summary="Where the detector looked",
)  # fmt: skip
def heat_map(request: Caller, uuid: UUID) -> HttpResponseBase:
    """A small translucent picture, drawn a moment after the verdict; 404 until then."""
    return stored_file(own_image(request, uuid).heat, content_type="image/png")


@api.post(
    "/images/{uuid:uuid}/dispute", auth=may_send, response={201: FullImageShape}, tags=["disputes"],
    summary="Say that a verdict is wrong",
)  # fmt: skip
@once
def dispute(request: Caller, uuid: UUID, body: DisputeIn) -> Status[FullImageShape]:
    """A person will look at the picture."""
    found = _done(request, uuid)
    ticks = {name: "on" if getattr(body, name) else "" for name in ("agreed", "training")}
    form = DisputeForm({**body.dict(), **ticks}, consent=found.trainable)
    if not form.is_valid():
        errors = [_wrong(name, said) for name, said in form.errors.items()]
        raise Problem(422, "The dispute can't be taken like this.", "invalid", errors)
    said = form.cleaned_data
    training = said.get("training", False)
    if not disputes.dispute(found, Claim(said["claim"]), said["how"], said["category"], training):
        raise Problem(409, "A person will look at it; there is no need to say it twice.", "disputed")
    return Status(201, full_image_shape(own_image(request, uuid), request))


@api.delete(
    "/images/{uuid:uuid}/dispute", auth=may_send, response={204: None}, tags=["disputes"], summary="Withdraw it"
)
def withdraw(request: Caller, uuid: UUID) -> Status[None]:
    """404 when no dispute of this image is open."""
    if not disputes.withdraw_dispute(own_image(request, uuid)):
        raise Problem(404, "No dispute of this image is open.")
    return Status(204, None)


@api.post(
    "/inspect", auth=may_read, response=InspectionShape, tags=["inspect"],
    openapi_extra=multipart("image", many=False), summary="Evidence and verdict; nothing is kept",
)  # fmt: skip
def inspect(request: Caller) -> InspectionShape:
    """Answered when a worker has looked at the picture; its file is deleted with the answer."""
    [checked] = sending.check(sending.files_of(request, "image", 1)).good
    with waiting.slot() as free:
        inspection = inspecting.begin(request.user, checked) if free else None
        if inspection is None:
            raise Problem(503, "Try again in a few seconds.", "busy", headers={"Retry-After": "5"})
        try:
            waiting.until(lambda: inspecting.has_ended(inspection), inspecting.SECONDS)
        finally:
            inspecting.end(inspection)
    return _inspected(inspection, checked, sending.digest_of(checked))


def _inspected(inspection: Inspection, checked: CheckedFile, sha256: str) -> InspectionShape:
    if inspection.state == JobState.FAILED:
        raise Problem(422, inspection.error, "refused", [Wrong(where=checked.name, detail=inspection.error)])
    if inspection.state != JobState.DONE:
        raise Problem(503, "The workers are busy. Try again in a moment.", "no-answer", headers={"Retry-After": "10"})
    known = inspection.answer
    return InspectionShape(
        name=checked.name,
        sha256=sha256,
        format=checked.header.format,
        bytes=checked.file.size,
        width=checked.header.width,
        height=checked.header.height,
        outcome=known["outcome"],
        decided_by=known["decided_by"],
        network=network_shape(known["network"]),
        evidence=[EvidenceShape(**piece) for piece in known["evidence"]],
    )


def _mine(request: HttpRequest) -> ImageQuerySet:
    return Image.objects.filter(owner=request.user.pk).select_related("verdict__detector")


def _done(request: Caller, uuid: UUID) -> Image:
    found = own_image(request, uuid)
    if found.state != State.DONE:
        raise Problem(409, "It has not been analysed, or the analysis failed.", "no-verdict")
    return found


def _wait_for(numbers: list[int], seconds: float) -> None:
    """Until none of these images waits any more."""
    pending = Image.objects.filter(pk__in=numbers).pending()
    if seconds and pending.exists():
        with waiting.slot() as free:
            waiting.until(lambda: not pending.exists(), seconds if free else 0)


def _wrong(name: str, said: Iterable[object]) -> Wrong:
    return Wrong(where=name, detail=" ".join(str(one) for one in said))
