"""Binary classification metrics with 95 % intervals. REAL is the positive class (target 1)."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Interval = tuple[float, float]


def confusion(targets: Ints, scores: Floats, threshold: float = 0.5) -> dict[str, int]:
    """Counts by true and predicted class. targets: (n,) of 0/1; scores: (n,) P(REAL) in [0, 1]."""
    said_real = scores > threshold
    return {
        "real_as_real": int(np.sum(said_real & (targets == 1))),
        "real_as_fake": int(np.sum(~said_real & (targets == 1))),
        "fake_as_fake": int(np.sum(~said_real & (targets == 0))),
        "fake_as_real": int(np.sum(said_real & (targets == 0))),
    }


def auroc(targets: Ints, scores: Floats) -> float:
    """Area under the ROC curve: the chance that a REAL image scores above a FAKE one (ties count half)."""
    positives = int(np.sum(targets == 1))
    negatives = len(targets) - positives
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(np.sum(mean_rank[inverse][targets == 1]))
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def roc_curve(targets: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """(false positive rate, true positive rate) at every distinct threshold, both rising from 0 to 1."""
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    true = np.cumsum(targets[order])[last_of_tie]
    false = (last_of_tie + 1) - true
    return np.append(0, false / max(1, false[-1])), np.append(0, true / max(1, true[-1]))


def fakes_found(targets: Ints, scores: Floats, false_alarms: float = 0.05) -> float:
    """The share of FAKE images below the score that `false_alarms` of the REAL ones are below (TPR at 5 % FPR)."""
    if not np.any(targets == 1) or not np.any(targets == 0):
        return float("nan")
    return float(np.mean(scores[targets == 0] < np.quantile(scores[targets == 1], false_alarms)))


def wilson(hits: int, n: int) -> Interval:
    """95 % Wilson score interval of a proportion (Wilson 1927)."""
    if n == 0:
        return (0.0, 1.0)
    z, share = 1.96, hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (float(max(0.0, centre - half)), float(min(1.0, centre + half)))


def calibration_error(targets: Ints, scores: Floats, bins: int = 10) -> float:
    """Expected calibration error: mean |P(REAL) said − share REAL found| over equal-width bins, weighted by n."""
    index = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = [
        np.sum(index == b) * abs(float(np.mean(scores[index == b])) - float(np.mean(targets[index == b])))
        for b in np.unique(index)
    ]
    return float(sum(gaps) / len(scores))


def bootstrap(
    targets: Ints, scores: Floats, names: tuple[str, ...], rounds: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """95 % percentile bootstrap intervals of the named metrics of `summary`, resampling within each class."""
    return {name: percentiles(values) for name, values in draws(targets, scores, names, rounds, seed).items()}


def draws(
    targets: Ints, scores: Floats, names: tuple[str, ...], rounds: int = 1000, seed: int = 0
) -> dict[str, list[float]]:
    """The named metrics of `rounds` samples drawn with replacement within each class."""
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(targets == target) for target in np.unique(targets)]
    drawn: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        chosen = np.concatenate([rng.choice(members, len(members)) for members in classes])
        values = dict(summary(targets[chosen], scores[chosen]))
        for name in names:
            drawn[name].append(values[name])
    return drawn


def summary(targets: Ints, scores: Floats) -> Iterator[tuple[str, float]]:
    """Yield (name, value); a metric that needs both classes is NaN when one is missing."""
    counts = confusion(targets, scores)
    real = counts["real_as_real"] + counts["real_as_fake"]
    fake = counts["fake_as_fake"] + counts["fake_as_real"]
    recall = _ratio(counts["real_as_real"], real)
    specificity = _ratio(counts["fake_as_fake"], fake)
    precision = _ratio(counts["real_as_real"], counts["real_as_real"] + counts["fake_as_real"])
    yield "accuracy", _ratio(counts["real_as_real"] + counts["fake_as_fake"], real + fake)
    yield "precision", precision
    yield "recall", recall
    yield "f1", _ratio(2 * precision * recall, precision + recall)
    yield "balanced_accuracy", (recall + specificity) / 2
    yield "auroc", auroc(targets, scores)
    yield "real_called_fake", 1 - recall
    yield "fake_called_real", 1 - specificity
    yield "fakes_found", fakes_found(targets, scores)
    yield "brier", float(np.mean((scores - targets) ** 2))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def percentiles(values: list[float] | Floats) -> Interval:
    """The middle 95 % of drawn values."""
    low, high = np.nanpercentile(values, [2.5, 97.5]) if not np.all(np.isnan(values)) else (np.nan, np.nan)
    return (float(low), float(high))
