"""Logits → scores: one temperature, fitted on sources that training never saw (Guo et al., arXiv 1706.04599)."""

import numpy as np

from classifier.detector.stats.classification import Floats, Ints
from classifier.detector.stats.measured import Bin, Calibration

REAL_CALLED_FAKE, FAKE_CALLED_REAL = 0.03, 0.10
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
    """(fake_below, real_above): at most 3 % of REAL score below the first, at most 10 % of FAKE above the second.

    A detector that separates the classes better than that gets one threshold in the middle, and abstains never.
    """
    fake_below = float(np.quantile(scores[targets == 1], REAL_CALLED_FAKE))
    real_above = float(np.quantile(scores[targets == 0], 1 - FAKE_CALLED_REAL))
    if fake_below > real_above:
        fake_below = real_above = (fake_below + real_above) / 2
    return round(fake_below, 3), round(real_above, 3)


def calibrate(targets: Ints, logits: Floats) -> Calibration:
    """Temperature and thresholds from logits (n,) of sources that training never saw, as the card's entries."""
    temperature = round(fit_temperature(targets, logits), 4)
    fake_below, real_above = fit_thresholds(targets, to_scores(logits, temperature))
    return {"temperature": temperature, "fake_below": fake_below, "real_above": real_above}


def reliability(targets: Ints, scores: Floats, bins: int = 10) -> list[Bin]:
    """What a score has meant: bins of about equally many held-out images.

    low and high bound the scores (the first begins at 0, the last ends at 1); fake: the share that was AI-generated,
    both classes taken as equally frequent, so that it doesn't depend on how the collection was put together.
    """
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)))
    edges[0], edges[-1] = 0.0, 1.0
    place = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, len(edges) - 2)
    odds = np.sum(targets == 1) / max(1, np.sum(targets == 0))
    table: list[Bin] = []
    for index in range(len(edges) - 1):
        here = place == index
        fake, real = float(np.sum(here & (targets == 0)) * odds), float(np.sum(here & (targets == 1)))
        low, high = round(float(edges[index]), 4), round(float(edges[index + 1]), 4)
        table.append({"low": low, "high": high, "n": int(here.sum()), "fake": round(fake / max(1e-9, fake + real), 4)})
    return table
