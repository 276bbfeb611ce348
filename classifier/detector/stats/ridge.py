"""Weighted ridge regression for classification, in numpy alone, and the balance of classes and sources."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from classifier.detector.labels import CLASS_NAMES

if TYPE_CHECKING:
    from classifier.detector.data.manifest import Row

Array = npt.NDArray[np.float32]
DIRECT = 4096


def balance(rows: Sequence["Row"]) -> Array:
    """(n,) weights with mean 1: both classes weigh the same; within one, a source of n images weighs √n."""
    names = np.array([f"{row.label} {row.source}" for row in rows])
    labels = np.array([row.label for row in rows])
    _, place, counts = np.unique(names, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[place])
    for label in CLASS_NAMES:
        weights[labels == label] /= weights[labels == label].sum()
    return (weights * len(rows) / len(np.unique(labels))).astype(np.float32)


def fit_ridge(x: Array, targets: Array, weights: Array, penalty: float) -> tuple[Array, float]:
    """Coefficients (d,) and intercept of weighted ridge regression of targets ±1 on x (n, d). penalty: relative to the
    mean squared length of the centred rows. Solved exactly up to DIRECT features, beyond by conjugate gradients
    (Hestenes and Stiefel 1952), which never form a d × d or n × n matrix."""
    share = weights / weights.sum()
    centre, middle = share @ x, float(share @ targets)
    strength = penalty * float(weights @ np.square(x - centre).sum(axis=1)) / len(x)
    strength = strength or 1.0  # rows that are all alike tell nothing: every coefficient becomes zero
    if x.shape[1] <= DIRECT:
        scaled = (x - centre) * np.sqrt(weights)[:, None]
        gram = scaled.T @ scaled
        gram[np.diag_indices_from(gram)] += strength
        beta = np.linalg.solve(gram, scaled.T @ ((targets - middle) * np.sqrt(weights))).astype(np.float32)
        return beta, middle - float(centre @ beta)

    def normal(beta: Array) -> Array:
        return _through(x, centre, weights * (x @ beta - centre @ beta)) + strength * beta

    beta = np.zeros(x.shape[1], np.float32)
    residual = _through(x, centre, weights * (targets - middle))
    direction, size = residual.copy(), float(residual @ residual)
    goal = size * 1e-8
    for _ in range(1000):
        if size <= goal:
            break
        product = normal(direction)
        step = size / float(direction @ product)
        beta += step * direction
        residual -= step * product
        size, before = float(residual @ residual), size
        direction = residual + (size / before) * direction
    return beta, middle - float(centre @ beta)


def _through(x: Array, centre: Array, values: Array) -> Array:
    """(x − centre)ᵀ values."""
    return np.asarray(x.T @ values - centre * values.sum())
