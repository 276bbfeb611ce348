"""What goes in and comes out, as JSON. Field descriptions end up in the OpenAPI document."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Schema
from pydantic import ConfigDict, JsonValue

from classifier.models import Category, Claim, DecidedBy, DisputeState, Image, Outcome, Reason, State
from classifier.results import report
from classifier.templatetags.verdicts import conclusion


class Strict(Schema):
    """Fields that nobody knows are refused: a misspelt one must not pass in silence."""

    model_config = ConfigDict(extra="forbid")


class WrongShape(Schema):
    where: str
    detail: str


class ProblemShape(Schema):
    """RFC 9457."""

    type: str = Field(description="about:blank, or a URN that docs/api.md explains")
    title: str
    status: int
    detail: str
    errors: list[WrongShape] | None = Field(None, description="what is wrong where, if it is more than one thing")


class EvidenceShape(Schema):
    kind: str
    strength: str = Field(description="proves, declares or hints")
    direction: str = Field(description="AI, camera, edited or none")
    summary: str
    details: dict[str, JsonValue]


class ExperienceShape(Schema):
    """What this score has meant for held-out images."""

    low: float
    high: float
    n: int
    fake: float = Field(description="share of those images that were AI-generated")


class NetworkShape(Schema):
    """What the pixels alone say, whatever decided."""

    outcome: Outcome
    score: float = Field(description="P(REAL), from 0 to 1")
    fake_below: float | None
    real_above: float | None
    reason: Reason | None = Field(description="why it is inconclusive")
    stability: dict[str, JsonValue]
    experience: ExperienceShape | None
    detector: str
    analysed: datetime


class VerdictShape(Schema):
    outcome: Outcome
    decided_by: DecidedBy
    sentence: str = Field(description="why, in words for people")
    previous: Outcome | None = Field(description="the verdict before, where another detector changed it")
    changed: datetime | None


class DisputeShape(Schema):
    claim: Claim
    category: Category
    how: str
    state: DisputeState
    created: datetime
    closed: datetime | None


class Links(Schema):
    """Absolute addresses."""

    self: str
    page: str = Field(description="for people")
    report_json: str | None
    report_pdf: str | None
    heat_map: str | None


class ImageShape(Schema):
    uuid: UUID
    name: str
    state: State
    error: str | None = Field(description="why there is no verdict, if it failed")
    queue_position: int | None = Field(description="1 for the next one to be analysed")
    sha256: str
    format: str
    bytes: int
    width: int
    height: int
    consent: bool
    uploaded: datetime
    verdict: VerdictShape | None
    network: NetworkShape | None
    dispute: DisputeShape | None
    links: Links


class FullImageShape(ImageShape):
    evidence: list[EvidenceShape]


class SubmittedShape(Schema):
    created: bool = Field(description="false: these bytes were uploaded before, and this is their result")
    image: FullImageShape


class RefusedShape(Schema):
    name: str
    code: str
    detail: str


class UploadShape(Schema):
    images: list[SubmittedShape]
    refused: list[RefusedShape] = Field(description="files that were not kept, each with a sentence")


class PageShape(Schema):
    images: list[ImageShape]
    cursor: str | None = Field(description="pass it on as ?cursor= for the next page; null on the last one")
    next: str | None = Field(description="the whole address of the next page")


class InspectionShape(Schema):
    """Nothing of it was kept."""

    name: str
    sha256: str
    format: str
    bytes: int
    width: int
    height: int
    outcome: Outcome
    decided_by: DecidedBy
    network: NetworkShape
    evidence: list[EvidenceShape]


class TokenShape(Schema):
    user: str
    name: str
    scopes: list[str]
    expires: datetime
    limits: "LimitsShape"


class LimitsShape(Schema):
    files: int
    megabytes: float
    megapixels: float
    smallest_side: int
    calls_per_minute: int


class DisputeIn(Strict):
    claim: Claim
    category: Category
    how: str = Field(max_length=1000, min_length=1, description="how you know")
    agreed: bool = Field(description="must be true: staff may look at the picture, or nobody can answer")
    training: bool = Field(False, description="it may also be used to improve the detector")


class Filters(Strict):
    """Those of the history."""

    q: str = Field("", max_length=200, description="part of the file name")
    verdict: Outcome | None = None
    tag: str = Field("", description="one of your tags")
    state: State | None = None
    sort: str = Field("", pattern="^(-?score)?$", description="score, -score, or newest first")
    evidence: str = Field("", description="a kind of evidence in the file, such as c2pa")
    detector: str = Field("", description="version of the detector whose verdict it is")
    since: date | None = Field(None, description="uploaded on this day or later")
    until: date | None = Field(None, description="uploaded on this day or earlier")
    low: float | None = Field(None, ge=0, le=1, description="score from")
    high: float | None = Field(None, ge=0, le=1, description="score to")
    changed: date | None = Field(None, description="verdict changed on this day or later")
    disputed: bool = Field(False, description="only those whose verdict was disputed")
    cursor: str = Field("", max_length=60)
    limit: int = Field(24, ge=1, le=100)


def image_shape(image: Image, request: HttpRequest) -> ImageShape:
    """Wants `evidence` and `disputes` prefetched where there are many."""
    return ImageShape(**_values(image, request))


def full_image_shape(image: Image, request: HttpRequest) -> FullImageShape:
    pieces = [EvidenceShape.model_validate(piece) for piece in report.evidence_of(image, private=True)]
    return FullImageShape(**_values(image, request), evidence=pieces)


def _values(image: Image, request: HttpRequest) -> dict[str, Any]:
    done = image.state == State.DONE
    return {
        "uuid": image.uuid,
        "name": image.name,
        "state": State(image.state),
        "error": image.error or None,
        "queue_position": image.queue_position() if image.state == State.WAITING else None,
        "sha256": image.sha256,
        "format": image.format,
        "bytes": image.size,
        "width": image.width,
        "height": image.height,
        "consent": image.consent,
        "uploaded": image.created_at,
        "verdict": _verdict(image) if done else None,
        "network": network_shape(report.network_of(image.verdict)) if done and image.verdict else None,
        "dispute": _dispute(image),
        "links": _links(image, request, done),
    }


def _verdict(image: Image) -> VerdictShape:
    return VerdictShape(
        outcome=Outcome(image.outcome),
        decided_by=DecidedBy(image.decided_by),
        sentence=conclusion(image),
        previous=Outcome(image.previous) if image.previous else None,
        changed=image.changed_at,
    )


def network_shape(said: report.Network) -> NetworkShape:
    return NetworkShape.model_validate(said)


def _dispute(image: Image) -> DisputeShape | None:
    said = next(iter(image.disputes.all()), None)
    if said is None:
        return None
    return DisputeShape(
        claim=Claim(said.claim),
        category=Category(said.category),
        how=said.how,
        state=DisputeState(said.state),
        created=said.created_at,
        closed=said.closed_at,
    )


def _links(image: Image, request: HttpRequest, done: bool) -> Links:
    def to(name: str) -> str:
        return request.build_absolute_uri(reverse(f"api-v1:{name}", args=[image.uuid]))

    return Links(
        self=to("image"),
        page=request.build_absolute_uri(image.get_absolute_url()),
        report_json=to("report_json") if done else None,
        report_pdf=to("report_pdf") if done else None,
        heat_map=to("heat_map") if image.heat else None,
    )
