"""For other programs, without a server or a database:

from aidetect.detect import Detector

detector = Detector()
answer = detector.classify("photo.jpg")
print(answer.verdict, answer.score, [piece.summary for piece in answer.evidence])
"""

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from classifier.detector.labels import Outcome
    from classifier.provenance.evidence import Evidence

Source = str | os.PathLike[str] | bytes
"""A path, or the bytes of a picture."""


@dataclass(frozen=True)
class Answer:
    """verdict: REAL, FAKE or INCONCLUSIVE. score: what the network thinks of the pixels, from 0 (AI-generated) to 1
    (photograph). reason: why the verdict is INCONCLUSIVE, "" otherwise. decided_by: "network", or the kind of the
    evidence in the file that went before it."""

    verdict: "Outcome"
    score: float
    reason: str
    decided_by: str
    evidence: "tuple[Evidence, ...]"


class Detector:
    """A detector that comes with aidetect, loaded once; takes a second or two. Not safe to share between threads."""

    def __init__(self, choice: Literal["thorough", "quick"] = "thorough") -> None:
        _set_up()
        from classifier.detector.serving import bundle
        from classifier.registry import detectors

        self._loaded = bundle.load(detectors.shipped_folder(choice))

    @property
    def version(self) -> str:
        return self._loaded.card.version

    def classify(self, source: Source) -> Answer:
        """One picture. Raises `classifier.detector.errors.UnreadableImage` with a sentence, or OSError."""
        from classifier.worker.examine import examine

        known = examine(_bytes_of(source), self._loaded)
        judgement = known.judgement
        return Answer(known.outcome, judgement.score, judgement.reason, known.decided_by, tuple(known.evidence))

    def classify_many(self, sources: Iterable[Source]) -> "list[Answer]":
        """One answer a picture, in their order. Raises as `classify` for the first that can't be read."""
        return [self.classify(source) for source in sources]


def inspect(source: Source) -> "tuple[Evidence, ...]":
    """What a file proves, declares and hints about where it comes from; no network looks at it. Raises OSError."""
    _set_up()
    from django.conf import settings

    from classifier.provenance import inspection

    return tuple(inspection.inspect(_bytes_of(source), settings.TRUST_LIST))


def _bytes_of(source: Source) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()


@lru_cache(maxsize=1)
def _set_up() -> None:
    """Django's settings, unless the program that asks has set up Django itself."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aidetect.settings")
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
    django.setup()
