"""Does a verdict survive what barely changes a picture, and what an attacker changes on purpose?

Everything here works on the views that the network sees, (views, size, size, 3) uint8. Mild re-encodings move the score
of an ordinary picture little; an adversarial perturbation is small enough for them to destroy, so that the score jumps
("Feature Squeezing", arXiv 1704.01155). One measurement serves both: verdicts that don't survive are not given.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from classifier.detector.bundle import LoadedDetector
from classifier.detector.errors import DetectorError
from classifier.detector.evaluation import share
from classifier.detector.labels import CLASS_NAMES, INCONCLUSIVE, Outcome
from classifier.detector.metrics import Floats, Ints
from classifier.detector.preprocessing import Pixels, resaved

THREADS = 2
EPSILONS = (2, 8)
"""Largest change of any pixel value, of 255, that an attack may make."""


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


def re_encoded(views: Pixels, joint: bool = False) -> list[Pixels]:
    """The views after each mild change of MILD, in order; of a joint network's only the crops, but for one change."""
    copies = []
    for place, change in enumerate(MILD.values()):
        first = 1 if joint and place != ON_EVERY_VIEW else 0
        changed = [np.asarray(change(Image.fromarray(view))) for view in views[first:]]
        copies.append(np.stack([*views[:first], *changed]))
    return copies


def stability(detector: LoadedDetector, images: Sequence[Pixels], seen: Floats | None = None) -> Floats:
    """Scores (len(images), len(MILD)) of each image's views under every mild change, in one batch. seen: what
    `detector.see` returned for them, if that is at hand."""
    if not images:
        return np.zeros((0, len(MILD)))
    joint = detector.card.preprocessing.joint
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


def attack(detector: LoadedDetector, images: Sequence[Pixels], targets: Ints, epsilon: int, steps: int) -> list[Pixels]:
    """White-box perturbation of at most `epsilon` of 255 against the true class: FGSM for one step (arXiv 1412.6572),
    else PGD from the picture itself (arXiv 1706.06083). Gradients pass through what is differentiable; pixel traces
    are counted and have none. Needs TensorFlow."""
    import keras

    if keras.backend.backend() != "tensorflow":
        raise DetectorError("expected Keras on TensorFlow for attacks; it runs on " + keras.backend.backend())
    import tensorflow as tf

    joint = detector.card.preprocessing.joint
    weights = tf.constant(detector.card.preprocessing.weights, tf.float32)
    pace = float(epsilon) if steps == 1 else 2.5 * epsilon / steps

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator, unused-ignore]
    def gradient(pixels: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            batch = pixels[None] if joint else pixels
            logits = detector.model(batch, training=False)[:, 0]
            logit = logits[0] if joint else tf.reduce_sum(logits * weights)
        return tape.gradient(logit, pixels)

    attacked = []
    for views, target in zip(images, targets, strict=True):
        start = tf.constant(views, tf.float32)
        current, direction = start, 1.0 if target == 0 else -1.0
        for _ in range(steps):
            current = current + direction * pace * tf.sign(gradient(current))
            current = tf.clip_by_value(tf.clip_by_value(current, start - epsilon, start + epsilon), 0.0, 255.0)
        attacked.append(np.round(current.numpy()).astype(np.uint8))
    return attacked


def attack_report(detector: LoadedDetector, images: Sequence[Pixels], targets: Ints) -> dict[str, Any]:
    """{"limit", "false_alarms", "clean_wrong", "attacks"}. Half of the images, drawn with seed 0, choose the limit of
    disagreement, which 5 % of them exceed when clean; everything is reported on the other half.

    An attack's row: n images with the right side of 0.5 before it; success, the share it turned over; detected, the
    share of those whose disagreement exceeds the limit; wrong_verdicts, the share with a wrong verdict that stands.
    """
    clean = detector.scores(list(images))
    before = stability(detector, images)
    spread = disagreement(clean, before)
    order = np.random.default_rng(0).permutation(len(images))
    choosing, reported = order[: len(order) // 2], order[len(order) // 2 :]
    limit = float(np.quantile(spread[choosing], 0.95))
    images, targets = [images[index] for index in reported], targets[reported]
    clean, before, spread = clean[reported], before[reported], spread[reported]
    right = (clean > 0.5) == (targets == 1)
    attacks = []
    for name, steps in (("FGSM", 1), ("PGD", 10)):
        for epsilon in EPSILONS:
            attacked = attack(detector, images, targets, epsilon, steps)
            scores, others = detector.scores(attacked), stability(detector, attacked)
            turned = right & ((scores > 0.5) != (targets == 1))
            row = {"attack": f"{name} {epsilon}/255", "n": int(right.sum()), "success": share(turned[right])}
            row["detected"] = share((disagreement(scores, others) > limit)[turned])
            row["wrong_verdicts"] = share(_wrong(detector, scores, others, targets, limit)[right])
            attacks.append(row)
    return {
        "limit": round(limit, 4),
        "false_alarms": share(spread > limit),
        "clean_wrong": share(_wrong(detector, clean, before, targets, limit)[right]),
        "attacks": attacks,
    }


def _wrong(detector: LoadedDetector, scores: Floats, others: Floats, targets: Ints, limit: float) -> np.ndarray:
    """Which verdicts stand and are wrong."""
    pairs = zip(scores, others, strict=True)
    verdicts = [settled(detector.card.outcome(float(score)), float(score), other, limit) for score, other in pairs]
    allowed = [(INCONCLUSIVE, CLASS_NAMES[int(target)]) for target in targets]
    return np.array([verdict not in fine for verdict, fine in zip(verdicts, allowed, strict=True)])
