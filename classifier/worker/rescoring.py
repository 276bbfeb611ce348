"""WORKER ONLY: history re-scored by the active detector, a few images at a time, when nothing else waits."""

import logging
import time

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from classifier.detector.serving import bundle
from classifier.detector.serving.judgement import Judgement, judge
from classifier.models import Detector, Image, Rescoring, State, remove_files
from classifier.models.claims import is_trouble
from classifier.worker.analysis import Prepared, Said, draw_heat, prepare, write

logger = logging.getLogger(__name__)

BATCH = 4
"""So few that an upload never waits long for them."""


def step(detector: Detector, loaded: bundle.LoadedDetector) -> bool:
    """Re-score the next few images of the newest re-scoring. False when there is nothing to do.

    Verdicts, counts and the cursor move in one transaction. A picture that can't be read keeps the verdict it has, and
    so does one that kills its worker.
    """
    job = Rescoring.objects.claim_next()
    if job is None:
        return False
    try:
        _step(job, detector, loaded)
    except Exception as error:
        if not job.put_off(error):
            raise
    return True


def _step(job: Rescoring, detector: Detector, loaded: bundle.LoadedDetector) -> None:
    images = Image.objects.judged_by_another(detector).order_by("-pk")
    images = images.filter(pk__lt=job.cursor) if job.cursor else images
    batch = list(images[: _how_many(job)]) if job.detector_id == detector.pk else []
    if not batch:
        job.hand_back(finished_at=timezone.now())
        return
    if job.attempts > settings.MAX_ATTEMPTS:
        logger.error("image %s ended its worker each time; it keeps the verdict it has", batch[0].pk)
        _store(job, batch[:1], [], 0)
        return
    prepared = [ready for image in batch if (ready := _prepared(job, image, loaded))]
    started = time.perf_counter()
    judged = judge(loaded, [ready.views for ready in prepared], [ready.unfit for ready in prepared])
    forward = (time.perf_counter() - started) / max(1, len(prepared))
    stored = _store(job, batch, list(zip(prepared, judged, strict=True)), forward)
    for ready in stored:
        draw_heat(ready, detector, loaded)


def _how_many(job: Rescoring) -> int:
    """Few at a time; one by one where a batch has ended its worker twice, until that batch is done."""
    return 1 if job.attempts > _deaths() else BATCH - job.done % BATCH


def _deaths() -> int:
    return min(2, settings.MAX_ATTEMPTS - 1)


def _prepared(job: Rescoring, image: Image, loaded: bundle.LoadedDetector) -> Prepared | None:
    try:
        job.mine.renew()  # still alive: a batch of huge pictures may outlast one claim
        return prepare(image, loaded)
    except Exception as error:  # one odd or lost file must not hold up the others
        if is_trouble(error):
            raise
        logger.warning("image %s can't be re-scored", image.pk, exc_info=True)
        return None


def _store(
    job: Rescoring, batch: list[Image], judged: list[tuple[Prepared, Judgement]], forward: float
) -> list[Prepared]:
    """Returns what got a verdict. A row that its owner deleted, or sent to analysis, meanwhile is left alone."""
    stored, changed, stale = [], 0, []
    with transaction.atomic():
        rows = Image.objects.select_for_update().filter(pk__in=[image.pk for image in batch], state=State.DONE)
        locked = {row.pk: row for row in rows}
        for ready, judgement in judged:
            if row := locked.get(ready.image.pk):
                before = row.outcome
                if row.heat:
                    stale.append((row.heat.storage, row.heat.name))
                write(row, ready, job.detector, Said(judgement, ready.seconds + forward))
                changed += row.outcome != before
                stored.append(ready)
        counts = {"done": F("done") + len(batch), "changed": F("changed") + changed}
        failed = F("failed") + len(batch) - len(judged)
        through = (job.done + len(batch)) % BATCH == 0
        attempts = _deaths() if job.attempts > _deaths() and not through else 0
        if not job.hand_back(cursor=batch[-1].pk, **counts, failed=failed, attempts=attempts):
            transaction.set_rollback(True)  # superseded, or taken over by another worker
            return []
        transaction.on_commit(lambda: remove_files(stale), robust=True)
    return stored
