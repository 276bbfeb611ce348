"""WORKER ONLY: heat maps that are missing: given up for newer ones while much waited, or lost with their worker."""

import logging
import os

from classifier.detector.errors import UnreadableImage
from classifier.detector.serving import bundle
from classifier.models import Detector, Image, ImageQuerySet, State
from classifier.models.claims import is_trouble
from classifier.worker.analysis import Prepared, about, draw_heat, prepare

logger = logging.getLogger(__name__)

WORKERS = 8
"""So many of the newest images are shared out among workers that draw at the same time, by chance not always one each:
drawn twice costs time, nothing else."""


def missing() -> ImageQuerySet:
    """Images with a verdict and without a heat map that can still be drawn, newest first."""
    return Image.objects.filter(state=State.DONE, heat="", drawable=True).order_by("-pk")


def step(detector: Detector, loaded: bundle.LoadedDetector) -> bool:
    """Draw one of the missing heat maps. False when none is missing, or the machine is in the way."""
    newest = list(missing().select_related("verdict")[:WORKERS])
    if not newest:
        return False
    image = newest[os.getpid() % len(newest)]
    with about(image):
        ready = _ready(image, detector, loaded)
    if isinstance(ready, Prepared):
        return draw_heat(ready, detector, loaded)
    return ready


def _ready(image: Image, detector: Detector, loaded: bundle.LoadedDetector) -> Prepared | bool:
    """The image as the network sees it; otherwise whether the next one may be tried."""
    if image.verdict is None or image.verdict.detector_id != detector.pk:  # another network's; re-scoring draws anew
        return _give_up(image)
    try:
        return prepare(image, loaded)
    except (UnreadableImage, FileNotFoundError) as error:
        logger.warning("no heat map: %s", error)
        return _give_up(image)
    except Exception as error:
        if is_trouble(error):
            logger.warning("heat maps wait, the machine is in the way: %s", error)
            return False
        logger.exception("no heat map")
        return _give_up(image)


def _give_up(image: Image) -> bool:
    missing().filter(pk=image.pk, verdict=image.verdict_id).update(drawable=False)
    return True
