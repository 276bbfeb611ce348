"""What is known about an image as data, for its owner and for whom they share it with."""

from typing import TypedDict

from django.utils import timezone

from classifier.detector.measuring.model_card import MISUSE
from classifier.detector.stats.measured import Bin
from classifier.models import Image, Verdict
from classifier.provenance.evidence import Details

SCHEMA = "aidetect-report/1"
LIMITS = tuple(f"It must not be used {text}." for text in MISUSE)
NOTE = "A strong hint at most, not proof. Never use it as the only evidence."


class FileFacts(TypedDict):
    """Times here and below are in ISO format."""

    name: str
    sha256: str
    format: str
    bytes: int
    width: int
    height: int
    uploaded: str


class Conclusion(TypedDict):
    """The verdict, and the one before it where that was another."""

    outcome: str
    decided_by: str
    previous: str | None
    changed: str | None


class Network(TypedDict):
    """What a detector said. stability: score by mild change. experience: what its score has meant."""

    outcome: str
    score: float
    fake_below: float
    real_above: float
    reason: str | None
    stability: dict[str, float]
    experience: Bin | None
    detector: str
    model_sha256: str
    analysed: str
    milliseconds: int


class Piece(TypedDict):
    kind: str
    strength: str
    direction: str
    summary: str
    details: Details


class Report(TypedDict):
    """See docs/evidence.md."""

    schema: str
    file: FileFacts
    verdict: Conclusion
    network: Network | None
    evidence: list[Piece]
    limits: list[str]
    made: str


def as_dict(image: Image, private: bool) -> Report:
    """The report of an image that is done. private: for its owner; for anybody else what could tell where and when it
    was taken is left out. The schema is in docs/evidence.md."""
    verdict = image.verdict
    return {
        "schema": SCHEMA,
        "file": {
            "name": image.name,
            "sha256": image.sha256,
            "format": image.format,
            "bytes": image.size,
            "width": image.width,
            "height": image.height,
            "uploaded": image.created_at.isoformat(),
        },
        "verdict": {
            "outcome": image.outcome,
            "decided_by": image.decided_by,
            "previous": image.previous or None,
            "changed": image.changed_at.isoformat() if image.changed_at else None,
        },
        "network": network_of(verdict) if verdict else None,
        "evidence": evidence_of(image, private),
        "limits": [NOTE, *LIMITS],
        "made": timezone.now().isoformat(),
    }


def evidence_of(image: Image, private: bool) -> list[Piece]:
    return [
        {
            "kind": piece.kind,
            "strength": piece.strength,
            "direction": piece.direction,
            "summary": piece.summary,
            "details": visible(piece.details, private),
        }
        for piece in image.evidence.all()
    ]


def network_of(verdict: Verdict) -> Network:
    """What the network said, whatever decided."""
    card = verdict.detector.card
    return {
        "outcome": verdict.outcome,
        "score": round(verdict.score, 6),
        "fake_below": card.get("fake_below"),
        "real_above": card.get("real_above"),
        "reason": verdict.reason or None,
        "stability": verdict.stability,
        "experience": verdict.experience,
        "detector": verdict.detector.version,
        "model_sha256": verdict.detector.sha256,
        "analysed": verdict.created_at.isoformat(),
        "milliseconds": verdict.milliseconds,
    }


def visible(details: Details, private: bool) -> Details:
    """Details of a piece of evidence, without the pictures, which are for pages; place and time only for the owner."""
    hidden = ("pictures",) if private else ("pictures", "gps", "taken")
    return {key: value for key, value in details.items() if key not in hidden}
