"""The one way from the bytes of a file to what is known about the picture: for uploads, re-scoring, commands and the
gate's regression cases alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from PIL import Image as Picture

from classifier.detector.images.decoding import read_rgb
from classifier.detector.images.suitability import unfit
from classifier.detector.labels import Outcome
from classifier.detector.serving.bundle import LoadedDetector
from classifier.detector.serving.judgement import Judgement, judge
from classifier.intake import checks
from classifier.models import DecidedBy
from classifier.provenance import rules
from classifier.provenance.evidence import Evidence
from classifier.provenance.inspection import inspect


@dataclass(frozen=True)
class Looked:
    """A decoded picture before any network: its pixels as displayed, what its file says, and why there will be no
    verdict ("" when there may be one)."""

    rgb: Picture.Image
    evidence: list[Evidence]
    unfit: str


@dataclass(frozen=True)
class Known:
    """judgement: what the network says. outcome: the verdict, which the file may have decided."""

    evidence: list[Evidence]
    judgement: Judgement
    outcome: Outcome
    decided_by: str


def look(data: bytes) -> Looked:
    """Decode and inspect a file. Raises UnreadableImage."""
    rgb = read_rgb(data, checks.limits())
    evidence = inspect(data, settings.TRUST_LIST)
    return Looked(rgb, evidence, unfit(rgb, _quality_of(evidence)))


def conclude(evidence: Sequence[Evidence], judgement: Judgement) -> Known:
    """What the file proves or declares goes before what the network says."""
    deciding = rules.deciding(evidence)
    outcome = rules.decide(evidence) or judgement.outcome
    return Known(list(evidence), judgement, outcome, deciding.kind if deciding else DecidedBy.NETWORK.value)


def examine(data: bytes, loaded: LoadedDetector) -> Known:
    """Everything that is known about one file. Raises UnreadableImage."""
    seen = look(data)
    [judgement] = judge(loaded, [loaded.views(seen.rgb)], [seen.unfit])
    return conclude(seen.evidence, judgement)


def _quality_of(evidence: Iterable[Evidence]) -> int | None:
    told = next((piece.details.get("quality") for piece in evidence if piece.kind == "jpeg"), None)
    return told if isinstance(told, int) else None
