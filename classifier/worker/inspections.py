"""WORKER ONLY: pictures that are looked at and not kept, while somebody waits for the answer."""

import logging
import time

from classifier.detector.errors import UnreadableImage
from classifier.detector.serving import bundle
from classifier.models import Detector, Inspection, JobState, Verdict
from classifier.results import report
from classifier.worker.analysis import UNEXPECTED, Said
from classifier.worker.examine import examine

logger = logging.getLogger(__name__)


def step(detector: Detector, loaded: bundle.LoadedDetector) -> bool:
    """Look at the picture that has waited longest. False when none waits."""
    if not Inspection.objects.open().exists():  # nearly always, and cheaper than a claim
        return False
    inspection = Inspection.objects.claim_next()
    if inspection is None:
        return False
    try:
        inspection.finish(JobState.DONE, answer=_answer(inspection, detector, loaded))
    except (UnreadableImage, FileNotFoundError) as error:
        reason = str(error) if isinstance(error, UnreadableImage) else "it is gone already"
        inspection.finish(JobState.FAILED, error=f"This picture can't be analysed: {reason}."[:600])
    except Exception as error:
        if not inspection.put_off(error):
            logger.exception("inspection %s", inspection.pk)
            inspection.finish(JobState.FAILED, error=UNEXPECTED)
    return True


def _answer(inspection: Inspection, detector: Detector, loaded: bundle.LoadedDetector) -> dict[str, object]:
    """As `results.report` says it, without what only a stored image has."""
    started = time.perf_counter()
    with inspection.file.open("rb") as file:
        known = examine(file.read(), loaded)
    verdict = Verdict(detector=detector, **Said(known.judgement, time.perf_counter() - started).values)
    return {
        "outcome": known.outcome,
        "decided_by": known.decided_by,
        "evidence": [piece.as_dict() for piece in known.evidence],
        "network": report.network_of(verdict),
    }
