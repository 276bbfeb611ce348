"""The headline: each source that holds both classes held out alone, and scored within itself.

Sources with one class can be told apart by topic and pipeline, so a figure over all sources flatters; within one
of both classes, only what is generated differs (and that source's own shortcuts, see `audit`).
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifier.detector.bundle import CARD_FILE, read_card
from classifier.detector.errors import DatasetError
from classifier.detector.labels import CLASS_NAMES
from classifier.detector.manifest import Row, split_by_source
from classifier.detector.training import Config, Progress, train

FIGURES = ("auroc", "balanced_accuracy", "accuracy")


def two_class_sources(rows: Sequence[Row], least: int = 10) -> list[str]:
    """Sources with at least `least` images of each class, by name."""
    counts = Counter((row.source, row.label) for row in rows)
    sources = {row.source for row in rows}
    return sorted(name for name in sources if min(counts[name, label] for label in CLASS_NAMES) >= least)


def folds(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """(source, split rows) for each two-class source: it is the test set, the next one in the alphabet validation, all
    other sources train; near-duplicates never cross. Raises DatasetError for fewer than three such sources."""
    sources = two_class_sources(rows)
    if len(sources) < 3:
        raise DatasetError(f"expected at least three sources with ten images of each class; found {len(sources)}")
    for index, source in enumerate(sources):
        yield source, split_by_source(rows, [sources[(index + 1) % len(sources)]], [source])


def crossvalidate(
    config: Config,
    rows: Sequence[Row],
    folder: Path,
    on_fold: Callable[[dict[str, Any]], None] | None = None,
    on_epoch: Progress | None = None,
) -> dict[str, Any]:
    """Train one detector a fold below `folder` and return {"folds": […], "mean": {…}}; folds that are there already are
    read, so a killed run goes on. Every figure is measured on the held-out source alone."""
    done = []
    for source, split in folds(rows):
        place = folder / source
        if (place / CARD_FILE).is_file():
            card = read_card(place)
        else:
            card = train(dataclasses.replace(config, version=f"{config.version}-{source}"), split, place, on_epoch)
        overall, decided = card.report["overall"], card.report["decided"]
        figures = {name: overall[name] for name in FIGURES}
        done.append({"source": source, "n": card.report["n"], **figures, "decided": decided})
        if on_fold:
            on_fold(done[-1])
    return {"folds": done, "mean": {name: round(float(np.mean([fold[name] for fold in done])), 4) for name in FIGURES}}
