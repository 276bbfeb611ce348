"""What is known about an image as data, for its owner and for whom they share it with."""

from typing import Any

from django.utils import timezone

from classifier.detector.measuring.model_card import MISUSE
from classifier.models import Image, Verdict

SCHEMA = "aidetect-report/1"
LIMITS = tuple(f"It must not be used {text}." for text in MISUSE)
NOTE = "A strong hint at most, not proof. Never use it as the only evidence."


def as_dict(image: Image, private: bool) -> dict[str, Any]:
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


def evidence_of(image: Image, private: bool) -> list[dict[str, Any]]:
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


def network_of(verdict: Verdict) -> dict[str, Any]:
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


def visible(details: dict[str, Any], private: bool) -> dict[str, Any]:
    """Details of a piece of evidence, without the pictures, which are for pages; place and time only for the owner."""
    hidden = ("pictures",) if private else ("pictures", "gps", "taken")
    return {key: value for key, value in details.items() if key not in hidden}
