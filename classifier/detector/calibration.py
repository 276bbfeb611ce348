"""Logits → scores: one temperature, fitted on sources that training never saw (Guo et al., arXiv 1706.04599)."""

import numpy as np

from classifier.detector.metrics import Floats, Ints

REAL_CALLED_FAKE, FAKE_CALLED_REAL = 0.05, 0.10
"""What the two thresholds allow on held-out sources; the scores between them are INCONCLUSIVE."""


def to_scores(logits: Floats, temperature: float = 1.0) -> Floats:
    """Logits (n,) → P(REAL) in [0, 1], shape (n,)."""
    return np.asarray(1 / (1 + np.exp(-np.clip(np.asarray(logits, dtype=np.float64) / temperature, -50, 50))))


def fit_temperature(targets: Ints, logits: Floats) -> float:
    """The temperature in [0.25, 20] with the least class-balanced negative log-likelihood (grid of 200 log steps)."""
    grid = np.geomspace(0.25, 20, 200)
    weights = np.where(targets == 1, 1 / max(1, np.sum(targets == 1)), 1 / max(1, np.sum(targets == 0)))
    losses = []
    for temperature in grid:
        scores = np.clip(to_scores(logits, float(temperature)), 1e-9, 1 - 1e-9)
        losses.append(-np.sum(weights * np.log(np.where(targets == 1, scores, 1 - scores))))
    return float(grid[int(np.argmin(losses))])


def fit_thresholds(targets: Ints, scores: Floats) -> tuple[float, float]:
    """(fake_below, real_above): at most 5 % of REAL score below the first, at most 10 % of FAKE above the second.

    A detector that separates the classes better than that gets one threshold in the middle, and abstains never.
    """
    fake_below = float(np.quantile(scores[targets == 1], REAL_CALLED_FAKE))
    real_above = float(np.quantile(scores[targets == 0], 1 - FAKE_CALLED_REAL))
    if fake_below > real_above:
        fake_below = real_above = (fake_below + real_above) / 2
    return round(fake_below, 3), round(real_above, 3)
