"""WORKER ONLY: waiting rows → detector → verdicts, in batches; when none waits, what may take its time."""

import io
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from PIL import Image as Picture
from PIL import ImageOps

from classifier import wakeups
from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import read_rgb
from classifier.detector.images.suitability import unfit
from classifier.detector.serving import bundle, heat_map
from classifier.detector.serving.judgement import judge
from classifier.intake import checks, neighbours
from classifier.labelling import imports
from classifier.models import DecidedBy, Detector, Image, Rescoring
from classifier.provenance import rules
from classifier.provenance.inspection import inspect
from classifier.registry import detectors
from classifier.worker import rescoring
from classifier.worker.analysis import DISPLAY, Prepared, analyse, draw_heat, exceeds, quality_of

LATER = 64
"""How many heat maps are drawn, newest first, when no image waits any more."""


def classify_waiting(batch_size: int, budget: float = 60) -> int:
    """Claim and classify batches until no row waits, then import, compare and re-score. Returns how many images got a
    verdict or a reason for none.

    Uploads go first: between two small pieces of the other work the queue is looked at again. After `budget` seconds it
    sends a wake-up and returns, so that the task's time limit only ever meets work that is stuck, never a long queue.
    """
    count, deadline = 0, time.monotonic() + budget
    fresh: deque[Prepared] = deque(maxlen=LATER)
    while True:
        detector = detectors.active()
        loaded = load(detector)
        token = uuid.uuid4()
        if claimed := list(Image.objects.claim(token, batch_size)):
            fresh += analyse(claimed, token, detector, loaded)
            count += len(claimed)
        elif fresh:
            draw_heat(fresh.pop(), detector, loaded)
        elif not (imports.step() or neighbours.compare_next() or rescoring.step(detector, loaded)):
            return count
        if time.monotonic() > deadline:
            wakeups.wake_workers()
            return count


def rescore_now(job: Rescoring) -> Iterator[Rescoring]:
    """For commands: work on a re-scoring until it is done, beside workers that may do the same; yields it after each
    step."""
    while job.finished_at is None:
        detector = detectors.active()
        if not rescoring.step(detector, load(detector)):
            time.sleep(1)  # a worker has it just now
        job.refresh_from_db()
        yield job


def classify_files(detector: Detector, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """For commands: one result a path, nothing stored. The keys are a contract that other programs rely on."""
    loaded = load(detector)
    for path in paths:
        started = time.perf_counter()
        try:
            rgb = read_rgb(Path(path), checks.limits())
        except UnreadableImage as error:
            yield {"path": path, "error": str(error)}
            continue
        evidence = inspect(Path(path).read_bytes(), settings.TRUST_LIST)
        [said] = judge(loaded, [loaded.views(rgb)], [unfit(rgb, quality_of(evidence))])
        deciding = rules.deciding(evidence)
        yield {
            "path": path,
            "verdict": rules.decide(evidence) or said.outcome,
            "score": round(said.score, 6),
            "detector": detector.version,
            "milliseconds": round((time.perf_counter() - started) * 1000, 1),
            "decided_by": deciding.kind if deciding else DecidedBy.NETWORK.value,
            "evidence": [piece.as_dict() for piece in evidence],
        }


def explain(detector: Detector, path: Path) -> bytes:
    """For commands: the picture of a file with the heat of its verdict over it, as PNG."""
    loaded = load(detector)
    rgb = read_rgb(path, checks.limits())
    shown = ImageOps.contain(rgb, DISPLAY) if exceeds(rgb.size, DISPLAY) else rgb
    heat = heat_map.as_png(heat_map.heat_map(loaded, loaded.views(rgb), rgb.size), shown.size)
    buffer = io.BytesIO()
    with Picture.open(io.BytesIO(heat)) as over:
        Picture.alpha_composite(shown.convert("RGBA"), over).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def load(detector: Detector) -> bundle.LoadedDetector:
    """The detector in memory: one a process, loaded anew when its card or its model changes."""
    return _loaded(detector.folder, bundle.digest(detector.folder))


@lru_cache(maxsize=1)
def _loaded(folder: Path, digest: str) -> bundle.LoadedDetector:
    return bundle.load(folder)
