"""For commands: files looked at one by one, nothing stored. Imports Keras."""

import io
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypedDict, final

from PIL import Image as Picture
from PIL import ImageOps

from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import read_rgb
from classifier.detector.labels import Outcome
from classifier.detector.serving import heat_map
from classifier.intake import checks
from classifier.models import Detector
from classifier.provenance.evidence import Told
from classifier.worker.analysis import DISPLAY, exceeds
from classifier.worker.examine import examine
from classifier.worker.loop import load


@final
class Result(TypedDict):
    """What is known about a file. The keys are a contract that other programs rely on; see docs/commands.md."""

    path: str
    verdict: Outcome
    score: float
    detector: str
    milliseconds: float
    decided_by: str
    evidence: list[Told]


@final
class Unread(TypedDict):
    path: str
    error: str


def classify_files(detector: Detector, paths: Iterable[str]) -> Iterator[Result | Unread]:
    """One result a path."""
    loaded = load(detector)
    for path in paths:
        started = time.perf_counter()
        try:
            known = examine(Path(path).read_bytes(), loaded)
        except (UnreadableImage, OSError) as error:
            yield {"path": path, "error": _reason(error)}
            continue
        yield {
            "path": path,
            "verdict": known.outcome,
            "score": round(known.judgement.score, 6),
            "detector": detector.version,
            "milliseconds": round((time.perf_counter() - started) * 1000, 1),
            "decided_by": known.decided_by,
            "evidence": [piece.as_dict() for piece in known.evidence],
        }


def _reason(error: UnreadableImage | OSError) -> str:
    return str(error) if isinstance(error, UnreadableImage) else f"the file can't be read ({error.strerror or error})"


def explain(detector: Detector, path: Path) -> bytes:
    """The picture of a file with the heat of its verdict over it, as PNG."""
    loaded = load(detector)
    rgb = read_rgb(path, checks.limits())
    shown = ImageOps.contain(rgb, DISPLAY) if exceeds(rgb.size, DISPLAY) else rgb
    heat = heat_map.as_png(heat_map.heat_map(loaded, loaded.views(rgb), rgb.size), shown.size)
    buffer = io.BytesIO()
    with Picture.open(io.BytesIO(heat)) as over:
        Picture.alpha_composite(shown.convert("RGBA"), over).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
