"""A classifier that never looks at the picture: what format, size and quality of the file give away."""

from collections.abc import Sequence

import numpy as np

from classifier.detector.data.manifest import Row
from classifier.detector.measuring.evaluation import targets_of
from classifier.detector.stats.classification import Floats
from classifier.detector.stats.ridge import Array, balance, fit_ridge

FORMATS = ("JPEG", "PNG", "WEBP")


def features(rows: Sequence[Row]) -> Array:
    """(n, 10): one-hot format, logarithms of width, height, pixels and aspect, squareness, quality, bytes a pixel."""
    table = []
    for row in rows:
        width, height, size, quality = (float(value) for value in (row.width, row.height, row.bytes, row.quality))
        pixels = max(1.0, width * height)
        aspect = abs(np.log(max(1.0, width) / max(1.0, height)))
        sizes = [np.log1p(width), np.log1p(height), np.log(pixels), aspect, float(aspect < 0.01)]
        table.append([*(float(row.format == name) for name in FORMATS), *sizes, quality / 100, size / pixels])
    return np.array(table, np.float32)


def fit_and_predict(training: Sequence[Row], tested: Sequence[Row]) -> Floats:
    """Logits (n,) of the tested rows by ridge regression on the standardised features of the training rows."""
    known = features(training)
    mean, deviation = known.mean(axis=0), known.std(axis=0) + 1e-6
    targets = (2.0 * targets_of(training) - 1).astype(np.float32)
    beta, bias = fit_ridge((known - mean) / deviation, targets, balance(training), penalty=1e-3)
    return np.asarray((features(tested) - mean) / deviation @ beta + bias, np.float64)


def predict(name: str, split: Sequence[Row]) -> Floats:
    """For `heldout.held_out`: logits of the test rows, fitted on all others."""
    tested = [row for row in split if row.split == "test"]
    return fit_and_predict([row for row in split if row.split != "test"], tested)
