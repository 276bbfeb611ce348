"""Pictures changed on purpose so that the detector errs: how often that succeeds, and how often it is noticed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from classifier.detector.errors import DetectorError
from classifier.detector.images.preprocessing import Pixels
from classifier.detector.labels import CLASS_NAMES, INCONCLUSIVE
from classifier.detector.measuring.evaluation import share
from classifier.detector.serving.bundle import LoadedDetector
from classifier.detector.serving.stability import disagreement, settled, stability
from classifier.detector.stats.classification import Floats, Ints
from classifier.detector.stats.measured import Attack, Attacks

EPSILONS = (2, 8)
"""Largest change of any pixel value, of 255, that an attack may make."""


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


def attack_report(detector: LoadedDetector, images: Sequence[Pixels], targets: Ints) -> Attacks:
    """Half of the images, drawn with seed 0, choose the limit of
    disagreement, which 5 % of them exceed when clean; everything is reported on the other half.

    An attack's row: n images with the right side of 0.5 before it; success, the share it flipped; detected, the
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
    attacks: list[Attack] = []
    for name, steps in (("FGSM", 1), ("PGD", 10)):
        for epsilon in EPSILONS:
            attacked = attack(detector, images, targets, epsilon, steps)
            scores, others = detector.scores(attacked), stability(detector, attacked)
            turned = right & ((scores > 0.5) != (targets == 1))
            row: Attack = {
                "attack": f"{name} {epsilon}/255",
                "n": int(right.sum()),
                "success": share(turned[right]),
                "detected": share((disagreement(scores, others) > limit)[turned]),
                "wrong_verdicts": share(_wrong(detector, scores, others, targets, limit)[right]),
            }
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
