"""Does a verdict survive what barely changes a picture?

Everything here works on the views that the network sees, (views, size, size, 3) uint8. Mild re-encodings move the score
of an ordinary picture little; an adversarial perturbation is small enough for them to destroy, so that the score jumps
("Feature Squeezing", arXiv 1704.01155). One measurement serves both: verdicts that don't survive are not given.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from PIL import Image, ImageFilter

from classifier.detector.images.preprocessing import Pixels, Preprocessing, resaved
from classifier.detector.labels import INCONCLUSIVE, Outcome
from classifier.detector.serving.bundle import LoadedDetector
from classifier.detector.stats.classification import Floats

THREADS = 2


def _resized(square: Image.Image) -> Image.Image:
    smaller = tuple(round(side * 0.9) for side in square.size)
    return square.resize(smaller, Image.Resampling.BICUBIC).resize(square.size, Image.Resampling.BICUBIC)  # type: ignore[arg-type]


MILD: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 85": partial(resaved, form="JPEG", quality=85),
    "JPEG 70": partial(resaved, form="JPEG", quality=70),
    "scaled to 90 %": _resized,
    "slightly blurred": lambda square: square.filter(ImageFilter.GaussianBlur(0.5)),
}
ON_EVERY_VIEW = 1
"""The place in MILD of the change that a joint network's whole view undergoes, too; the others leave that as it is,
which costs half and lets through no more attacks (EXPERIMENTS.md)."""


ALONE = "scaled to 90 %"
"""The one change for a transformer, which is slow to ask. At its 224 px a re-encoding as JPEG moves ordinary pictures
as far as an attack does; rescaling moves them little."""


def changes(spec: Preprocessing) -> dict[str, Callable[[Image.Image], Image.Image]]:
    """The mild changes that a detector's verdicts must survive, by name."""
    return MILD if spec.sees_crops or not spec.joint else {ALONE: MILD[ALONE]}


def re_encoded(views: Pixels, joint: bool = False) -> list[Pixels]:
    """The views after each mild change of MILD, in order; of a joint network's only the crops, but for one change."""
    copies = []
    for place, change in enumerate(MILD.values()):
        first = 1 if joint and place != ON_EVERY_VIEW else 0
        changed = [np.asarray(change(Image.fromarray(view))) for view in views[first:]]
        copies.append(np.stack([*views[:first], *changed]))
    return copies


def stability(detector: LoadedDetector, images: Sequence[Pixels], seen: Floats | None = None) -> Floats:
    """Scores (len(images), number of `changes`) of each image's views under every mild change, in one batch. seen: what
    `detector.see` returned for them, if that is at hand."""
    spec = detector.card.preprocessing
    mild, joint = changes(spec), spec.joint
    if not images:
        return np.zeros((0, len(mild)))
    if len(mild) == 1:
        [change] = mild.values()
        changed = [np.stack([np.asarray(change(Image.fromarray(view))) for view in views]) for views in images]
        return detector.scores(changed)[:, None]
    with ThreadPoolExecutor(THREADS) as pool:
        copies = list(pool.map(partial(re_encoded, joint=joint), images))
    if not joint:
        every = detector.see([copy for changed in copies for copy in changed])
        return detector.scores_of(every.reshape(len(images), len(MILD), -1))
    seen = detector.see(list(images)) if seen is None else seen
    places = [place for place in range(len(MILD)) if place != ON_EVERY_VIEW]
    again = detector.see_again(seen, [changed[place] for changed in copies for place in places])
    whole = detector.see([changed[ON_EVERY_VIEW] for changed in copies])
    return detector.scores_of(np.insert(again, ON_EVERY_VIEW, whole, axis=1))


def settled(outcome: Outcome, score: float, others: Floats, largest_jump: float | None = None) -> Outcome:
    """The verdict that stands: INCONCLUSIVE when a mild change moves the score to the other side of 0.5, or further (in
    log-odds) than `largest_jump`, which ordinary pictures hardly ever exceed and attacked ones do."""
    flips = np.any((np.asarray(others) > 0.5) != (score > 0.5))
    jumps = largest_jump is not None and disagreement(np.array([score]), np.asarray(others)[None])[0] > largest_jump
    return INCONCLUSIVE if flips or jumps else outcome


def disagreement(scores: Floats, others: Floats) -> Floats:
    """(n,) scores and (n, k) scores after mild changes → (n,) largest difference of log-odds: the detection score of
    adversarial images."""
    return np.asarray(np.abs(_log_odds(others) - _log_odds(scores)[:, None]).max(axis=1))


def _log_odds(scores: Floats) -> Floats:
    kept = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(kept / (1 - kept)))
