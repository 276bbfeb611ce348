"""The head of a transformer that was trained elsewhere, fitted in closed form: which differences *within* a source tell
generated pictures from photographs.

A source with one class teaches its topic and its pipeline, not generation. So sources with both classes weigh BOOST
times more, and most of what is common to both of their classes is taken away before the fit.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classifier.detector.data.manifest import PHOTO, Row
from classifier.detector.labels import CLASS_NAMES
from classifier.detector.measuring.evaluation import targets_of
from classifier.detector.stats.ridge import Array, balance, fit_ridge

BOOST = 30.0
CENTRED = 0.7
"""The share of a two-class source's mean that is taken away."""
PENALTY = 5.0
"""Of the ridge regression, relative to the mean variance of a feature."""
LEAST = 20
"""Images of each class that a source needs for its middle to help set the intercept."""


def fit(features: npt.NDArray[np.float16], rows: Sequence[Row]) -> tuple[Array, Array, Array, float]:
    """Features (n, d) of training rows → mean (d,), deviation (d,), coefficients (d,) of the standardised features, and
    the intercept: the mean over two-class sources of what lies half-way between their classes."""
    x = np.asarray(features, np.float32)
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-3
    x = np.clip((x - mean) / deviation, -6, 6)
    targets = (2.0 * targets_of(rows) - 1).astype(np.float32)
    pairs = _classes_by_source(rows)
    weights = balance(rows) * _boosts(rows, pairs)
    for label in (-1, 1):
        weights[targets == label] *= len(rows) / 2 / max(1e-9, float(weights[targets == label].sum()))
    beta, bias = fit_ridge(_centred(x, pairs), targets, weights, PENALTY * len(x) / x.shape[1])
    middles = [_middle(x, pair, beta) for pair in pairs.values() if min(map(len, pair)) >= LEAST]
    return mean, deviation, beta, -float(np.mean(middles)) if middles else bias


Pair = tuple[list[int], list[int]]


def _classes_by_source(rows: Sequence[Row]) -> dict[str, Pair]:
    """Places of the FAKE and of the REAL photographs of each source that has both."""
    counts = Counter((row.source, row.label) for row in rows if row.kind == PHOTO)
    both = {source for source, _ in counts if all(counts[source, label] for label in CLASS_NAMES)}
    pairs: dict[str, Pair] = {source: ([], []) for source in sorted(both)}
    for place, row in enumerate(rows):
        if row.source in both and row.kind == PHOTO:
            pairs[row.source][CLASS_NAMES.index(row.label)].append(place)  # type: ignore[arg-type, unused-ignore]
    return pairs


def _boosts(rows: Sequence[Row], pairs: dict[str, Pair]) -> Array:
    boosts = np.ones(len(rows), np.float32)
    for pair in pairs.values():
        boosts[pair[0] + pair[1]] = BOOST
    return boosts


def _centred(x: Array, pairs: dict[str, Pair]) -> Array:
    centred = x.copy()
    for fake, real in pairs.values():
        middle = (x[fake].mean(axis=0) + x[real].mean(axis=0)) / 2
        centred[fake + real] -= CENTRED * middle
    return centred


def _middle(x: Array, pair: Pair, beta: Array) -> float:
    fake, real = (float((x[places] @ beta).mean()) for places in pair)
    return (fake + real) / 2
