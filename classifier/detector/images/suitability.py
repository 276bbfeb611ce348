"""Pictures that the detector was never measured on: for them there is no verdict, whatever the score."""

import numpy as np
from PIL import Image

from classifier.detector.labels import NOT_A_PHOTO, RECOMPRESSED, TOO_SMALL

SMALLEST_SIDE = 64
LOWEST_QUALITY = 30
FLATTEST = 0.9
"""Share of neighbouring pixels of exactly the same colour; 0.7 % of the native crops of photographs in shared/data have
more (empty skies), whole photographs far fewer, screenshots of text and line drawings nearly always."""
ROWS = 200


def unfit(image: Image.Image, quality: int | None = None) -> str:
    """Why a picture gets no verdict, "" when it may have one. image: RGB, as decoded, not scaled; quality: estimated
    JPEG quality of its file, 1–100, None for other formats."""
    if min(image.size) < SMALLEST_SIDE:
        return TOO_SMALL
    if quality is not None and quality < LOWEST_QUALITY:
        return RECOMPRESSED
    return NOT_A_PHOTO if flat_share(image) > FLATTEST else ""


def flat_share(image: Image.Image) -> float:
    """The share of horizontal neighbours that are exactly alike, in [0, 1]; about ROWS rows are looked at."""
    rows = np.asarray(image)[:: max(1, image.height // ROWS)]
    return float(np.all(rows[:, 1:] == rows[:, :-1], axis=-1).mean())
