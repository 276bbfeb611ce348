"""Logits → scores: one temperature, fitted on sources that training never saw (Guo et al., arXiv 1706.04599)."""

import numpy as np

from classifier.detector.metrics import Floats, Ints

INCONCLUSIVE_BAND = (0.4, 0.6)
"""Scores inside are INCONCLUSIVE: on held-out images about as many of them were real as generated."""


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
