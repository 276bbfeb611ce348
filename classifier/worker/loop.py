"""WORKER ONLY: waiting rows → detector → verdicts, in batches; when none waits, what may take its time."""

import time
import uuid
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from aidetect.stopping import told_to_stop
from classifier import wakeups
from classifier.detector.serving import bundle
from classifier.intake import neighbours, unpacking
from classifier.labelling import imports
from classifier.models import Detector, Image, Rescoring
from classifier.models.clock import now_everywhere
from classifier.registry import bundles, detectors
from classifier.worker import heat, inspections, rescoring
from classifier.worker.analysis import Prepared, analyse, draw_heat

LATER = 64
"""How many decoded images are kept for their heat maps, drawn when no image waits any more. Those of others are drawn
from their rows; that costs decoding them once more."""


def classify_waiting(batch_size: int, budget: float = 60) -> int:
    """Claim and classify batches until no row waits, then import, compare, re-score and draw. Returns how many images
    got a verdict or a reason for none.

    Uploads go first: between two small pieces of the other work the queue is looked at again. After `budget` seconds it
    sends a wake-up and returns, so that the task's time limit only ever meets work that is stuck, never a long queue.
    A worker that is told to end finishes its batch and returns; what it leaves waits for the others, or for its return.
    """
    count, deadline = 0, time.monotonic() + budget
    fresh: deque[Prepared] = deque(maxlen=LATER)
    while not told_to_stop():
        detector = detectors.active()
        loaded = load(detector)
        token = uuid.uuid4()
        unpacked = not Image.objects.singles().exists() and unpacking.step()
        if inspections.step(detector, loaded):  # somebody holds the line
            count += 1
        elif claimed := list(Image.objects.claim(token, batch_size)):
            fresh += analyse(claimed, token, detector, loaded)
            hindered = Image.objects.filter(
                pk__in=[image.pk for image in claimed], not_before__gt=now_everywhere()
            ).count()
            count += len(claimed) - hindered
            if hindered == len(claimed):  # a full disk is full for the next one, too; the sweep comes back
                return count
        elif fresh:
            ready = fresh.pop()
            if heat.missing().filter(pk=ready.image.pk).exists() and not draw_heat(ready, detector, loaded):
                fresh.clear()  # as above
        elif not (unpacked or _background_step(detector, loaded)):
            return count
        if time.monotonic() > deadline:
            wakeups.wake_workers()
            return count
    return count


def _background_step(detector: Detector, loaded: bundle.LoadedDetector) -> bool:
    """A small piece of what may take its time. False when there is none, or when the machine is in the way of the last
    kind: then the sweep comes back to it."""
    before = imports.step() or neighbours.compare_next() or rescoring.step(detector, loaded)
    return before or heat.step(detector, loaded)


def rescore_now(job: Rescoring) -> Iterator[Rescoring]:
    """For commands: work on a re-scoring until it is done, beside workers that may do the same; yields it after each
    step."""
    while job.finished_at is None:
        detector = detectors.active()
        if not rescoring.step(detector, load(detector)):
            time.sleep(1)  # a worker has it just now
        job.refresh_from_db()
        yield job


def load(detector: Detector) -> bundle.LoadedDetector:
    """The detector in memory: one per process, reloaded when its card or its model changes."""
    folder = bundles.folder_of(detector)
    return _loaded(folder, bundle.digest(folder))


@lru_cache(maxsize=1)
def _loaded(folder: Path, digest: str) -> bundle.LoadedDetector:
    return bundle.load(folder)
