"""Fits `serving.subject`: photographs, real and generated, against art and pictures drawn by code."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.detector.data.manifest import PHOTO, Row
from classifier.detector.serving.subject import Subject
from classifier.detector.stats.measured import SubjectFigures

PENALTY = 3.0
"""Of the ridge regression, relative to the mean variance of a feature."""
GENERATED = 3.0
"""How much more generated photographs weigh: nearly all art at hand is generated, and they must not be taken for it."""
ALARMS = 0.01
"""The share of held-out real photographs that the limit lets be taken for something else."""
PARTS = 5
Halves = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Pictures:
    """features: (n, d). other: which are no photographs. real: which are real photographs. sources: by name; pictures
    drawn by code are one source."""

    features: npt.NDArray[np.float32]
    other: npt.NDArray[np.bool_]
    real: npt.NDArray[np.bool_]
    sources: npt.NDArray[np.str_]

    def some(self, chosen: npt.NDArray[np.bool_]) -> "Pictures":
        return Pictures(self.features[chosen], self.other[chosen], self.real[chosen], self.sources[chosen])


def fit(features: Halves, rows: Sequence[Row], drawn: Halves) -> tuple[Subject, SubjectFigures]:
    """Features (n, d) of rows, among them such whose kind is not `photo`, and (m, d) of drawings → the head, with its
    limit, and how it does on sources that it was not fitted on."""
    everything = _gathered(features, rows, drawn)
    distances, parts = np.zeros(len(everything.other)), _parts(everything)
    for part in range(PARTS):
        fitted = _fit(everything.some(parts != part))
        distances[parts == part] = fitted.distance(everything.features[parts == part])
    limit = float(np.quantile(distances[everything.real], 1 - ALARMS))
    subject = _fit(everything)
    measured = distances[: len(rows)] > limit
    art, real = everything.other[: len(rows)], everything.real[: len(rows)]
    generated = ~art & ~real
    figures: SubjectFigures = {
        "real": int(real.sum()),
        "real_taken_for_other": round(float(measured[real].mean()), 4),
        "generated": int(generated.sum()),
        "generated_taken_for_other": _share(measured[generated]),
        "art": int(art.sum()),
        "art_found": _share(measured[art]),
    }
    return Subject(subject.mean, subject.deviation, subject.coefficients, limit), figures


def _gathered(features: Halves, rows: Sequence[Row], drawn: Halves) -> Pictures:
    other = [row.kind != PHOTO for row in rows]
    real = [row.kind == PHOTO and row.label == "REAL" for row in rows]
    return Pictures(
        np.concatenate([features, drawn]).astype(np.float32),
        np.array(other + [True] * len(drawn)),
        np.array(real + [False] * len(drawn)),
        np.array([row.source for row in rows] + ["drawn"] * len(drawn)),
    )


def _parts(pictures: Pictures) -> npt.NDArray[np.int64]:
    """(n,) the part in which each picture is tested: by source, those with art spread first; drawings in none."""
    with_art = set(pictures.sources[pictures.other]) - {"drawn"}
    rng = np.random.default_rng(0)
    order = [*rng.permutation(sorted(with_art)), *rng.permutation(sorted(set(pictures.sources) - with_art - {"drawn"}))]
    part = {str(name): place % PARTS for place, name in enumerate(order)} | {"drawn": PARTS}
    return np.array([part[str(name)] for name in pictures.sources])


def _fit(pictures: Pictures) -> Subject:
    x = pictures.features
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-3
    x = np.clip((x - mean) / deviation, -6, 6)
    targets = np.where(pictures.other, 1.0, -1.0).astype(np.float32)
    weights = _weights(pictures)
    weighted = x * weights[:, None]
    gram = weighted.T @ x
    gram[np.diag_indices(len(gram))] += PENALTY * np.trace(gram) / len(gram)
    coefficients = np.linalg.solve(gram, weighted.T @ targets)
    return Subject(mean, deviation, np.asarray(coefficients, np.float32))


def _weights(pictures: Pictures) -> npt.NDArray[np.float32]:
    """Half of all for each side; within it a source and class weighs by the root of its size."""
    keys = list(zip(pictures.sources, pictures.other, pictures.real, strict=True))
    counts = Counter(keys)
    weights = np.array([1 / np.sqrt(counts[key]) for key in keys], np.float32)
    weights[~pictures.other & ~pictures.real] *= GENERATED
    for side in (True, False):
        weights[pictures.other == side] /= max(1e-9, float(weights[pictures.other == side].sum()))
    return weights


def _share(values: npt.NDArray[np.bool_]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None
