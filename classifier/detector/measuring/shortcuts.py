"""Shortcuts in a dataset: which feature of the files alone gives the label away, and what leaks between splits."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from classifier.detector.labels import CLASS_NAMES
from classifier.detector.stats.classification import Floats, Ints, auroc

if TYPE_CHECKING:
    from classifier.detector.data.manifest import Row

FEATURES = ("format", "width", "height", "pixels", "aspect", "bytes", "bytes per pixel", "quality")
SHORTCUT = 0.65
"""A feature whose area under the ROC curve reaches this is reported as a shortcut."""


@dataclass(frozen=True)
class Finding:
    """auc: how well `feature` alone separates the classes within `source` ("" for all), 0.5 (not at all) to 1."""

    feature: str
    source: str
    auc: float
    n: int


def findings(rows: Sequence["Row"]) -> Iterator[Finding]:
    """Every feature over all rows, then within each source that holds both classes; strongest first in each part."""
    targets = np.array([CLASS_NAMES.index(row.label) for row in rows])  # type: ignore[arg-type, unused-ignore]
    places: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        places[row.source].append(index)
    for source, chosen in [("", list(range(len(rows)))), *sorted(places.items())]:
        here = targets[chosen]
        if len(np.unique(here)) == 2:
            part = [rows[index] for index in chosen]
            ranked = [Finding(name, source, _separation(here, name, part), len(part)) for name in FEATURES]
            yield from sorted(ranked, key=lambda finding: -finding.auc)


def source_alone(rows: Sequence["Row"]) -> float:
    """Accuracy of always saying the commoner class of an image's source: what topic and pipeline may give away."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        counts[row.source][CLASS_NAMES.index(row.label)] += 1  # type: ignore[arg-type, unused-ignore]
    return sum(max(pair) for pair in counts.values()) / max(1, len(rows))


def _separation(targets: Ints, name: str, rows: Sequence["Row"]) -> float:
    values = _formats(targets, rows) if name == "format" else np.array([_number(name, row) for row in rows])
    area = auroc(targets, values)
    return float(max(area, 1 - area))


def _formats(targets: Ints, rows: Sequence["Row"]) -> Floats:
    """Each format as its share of REAL: the best that knowing the format can do."""
    names = np.array([row.format for row in rows])
    share = {name: float(np.mean(targets[names == name])) for name in np.unique(names)}
    return np.array([share[name] for name in names])


def _number(name: str, row: "Row") -> float:
    width, height, size, quality = (float(value) for value in (row.width, row.height, row.bytes, row.quality))
    pixels = width * height
    known = {
        "width": width,
        "height": height,
        "pixels": pixels,
        "aspect": width / height if height else 0.0,
        "bytes": size,
        "bytes per pixel": size / pixels if pixels else 0.0,
        "quality": quality,
    }
    return known[name]
