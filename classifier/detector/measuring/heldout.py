"""Held-out figures: every score comes from a network that saw nothing of the image's source.

Two plans. The **headline** holds out each source of both classes alone and scores within it: sources with one class
can be told apart by topic and pipeline, so figures over all of them flatter. The other splits all **sources**
into five parts; it flatters so, but covers every camera and generator. Thresholds that are reported on a source were
fitted on the others.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np

from classifier.detector.data.manifest import Row, require_both_classes, split_by_source
from classifier.detector.errors import DatasetError
from classifier.detector.labels import CLASS_NAMES, FAKE, REAL
from classifier.detector.measuring import evaluation
from classifier.detector.stats import calibration, classification
from classifier.detector.stats.classification import Floats, Ints
from classifier.detector.stats.measured import (
    Decided,
    Epoch,
    FoldFigures,
    Headline,
    HeldOut,
    Interval,
    Report,
    TrustedCalibration,
)

Fold = tuple[str, list[Row]]
Predict = Callable[[str, list[Row]], Floats]
"""(name of the fold, split rows) → the logits of its test rows, in their order."""
PARTS = 5
FIGURES: tuple[Literal["auroc", "balanced_accuracy", "accuracy", "fakes_found"], ...] = (
    "auroc",
    "balanced_accuracy",
    "accuracy",
    "fakes_found",
)


def two_class_sources(rows: Sequence[Row], least: int = 20) -> list[str]:
    """Sources with at least `least` images of each class, by name."""
    counts = Counter((row.source, row.label) for row in rows)
    sources = {row.source for row in rows}
    return sorted(name for name in sources if min(counts[name, label] for label in CLASS_NAMES) >= least)


def headline_folds(rows: Sequence[Row]) -> Iterator[Fold]:
    """(source, split rows) for each two-class source: it is the test set, the next one in the alphabet validation, all
    other sources train; near-duplicates never cross. Raises DatasetError for fewer than three such sources."""
    sources = two_class_sources(rows)
    if len(sources) < 3:
        raise DatasetError(f"expected at least three sources with 20 images of each class; found {len(sources)}")
    for index, source in enumerate(sources):
        yield source, split_by_source(rows, [sources[(index + 1) % len(sources)]], [source])


def source_folds(rows: Sequence[Row]) -> Iterator[Fold]:
    """All sources in five parts, each the test set once, the next part validation. Generators (named subsets of FAKE)
    that are in the test part are left out of training, should another source hold them as well."""
    parts = _parts(rows)
    for index, test in enumerate(parts):
        placed = split_by_source(rows, parts[(index + 1) % len(parts)], test)
        unseen = {row.subset for row in placed if row.split == "test" and row.label == FAKE and row.subset}
        kept = [row for row in placed if row.split == "test" or row.label == REAL or row.subset not in unseen]
        yield f"part-{index + 1}", kept


def group_folds(rows: Sequence[Row], source: str) -> Iterator[Fold]:
    """One source alone in five parts by near-duplicate group, the next part validation: the question that the original
    project asked of its own images. Raises DatasetError when the source lacks a class."""
    own = [row for row in rows if row.source == source]
    require_both_classes(own, f"source {source}")
    groups = sorted({row.group for row in own})
    part = {groups[index]: rank % PARTS for rank, index in enumerate(np.random.default_rng(0).permutation(len(groups)))}
    for test in range(PARTS):
        names = {test: "test", (test + 1) % PARTS: "validation"}
        yield f"{source}-{test + 1}", [replace(row, split=names.get(part[row.group], "train")) for row in own]


def _parts(rows: Sequence[Row]) -> list[list[str]]:
    """Large sources first, each to the part with the fewest images of its commoner class."""
    counts = Counter((row.source, row.label) for row in rows)
    filled: list[Counter[str]] = [Counter() for _ in range(PARTS)]
    parts: list[list[str]] = [[] for _ in range(PARTS)]
    sizes = Counter(row.source for row in rows)
    for source in sorted(sizes, key=lambda name: (-sizes[name], name)):
        common = max(CLASS_NAMES, key=lambda label: counts[source, label])
        emptiest = min(range(PARTS), key=lambda part: (filled[part][common], filled[part].total()))
        parts[emptiest].append(source)
        for label in CLASS_NAMES:
            filled[emptiest][label] += counts[source, label]
    for part in parts:
        require_both_classes([row for row in rows if row.source in part], f"part with {', '.join(part) or 'nothing'}")
    return parts


def held_out(folds: Iterator[Fold], predict: Predict, folder: Path) -> tuple[list[Row], Floats]:
    """The test rows of all folds and their logits. A fold that has been predicted already is read from `folder`,
    so a killed run resumes."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    logits: list[float] = []
    for name, split in folds:
        test = [row for row in split if row.split == "test"]
        kept = folder / f"{name}.json"
        known = json.loads(kept.read_text()) if kept.exists() else {}
        if known.keys() != {row.sha256 for row in test}:
            predicted = predict(name, split)
            known = {row.sha256: round(float(logit), 5) for row, logit in zip(test, predicted, strict=True)}
            kept.write_text(json.dumps(known))
        rows += test
        logits += [known[row.sha256] for row in test]
    return rows, np.array(logits)


def learning_curve(
    rows: Sequence[Row], fit: Callable[[list[Row]], Any], logits: Callable[[list[Row]], Floats], points: int = 6
) -> list[Epoch]:
    """What more sources bring: the five parts are held out in turn, and of the other sources only some, drawn with the
    part's number as seed, are trained on. One entry a number of sources: {"sources", "images", "loss", "accuracy",
    "auroc"} on images trained on, and the same with "val_" on the held-out parts."""
    folds = list(source_folds(rows))
    fewest = min(len({row.source for row in split if row.split != "test"}) for _, split in folds)
    curve = []
    for count in np.unique(np.linspace(min(4, fewest), fewest, points).astype(int)):
        seen: list[tuple[Row, float]] = []
        unseen: list[tuple[Row, float]] = []
        images = []
        for number, (_, split) in enumerate(folds):
            training = _some_sources([row for row in split if row.split != "test"], int(count), number)
            tested = [row for row in split if row.split == "test"]
            fit(training)
            seen += zip(training, logits(training), strict=True)
            unseen += zip(tested, logits(tested), strict=True)
            images.append(len(training))
        entry: Epoch = {"sources": int(count), "images": round(float(np.mean(images)))}
        for prefix, pairs in (("", seen), ("val_", unseen)):
            entry |= {prefix + key: value for key, value in _learned(pairs).items()}
        curve.append(entry)
    return curve


def _some_sources(rows: list[Row], count: int, seed: int) -> list[Row]:
    """All rows of `count` sources, both classes among them: drawn in turn from those rich in REAL and in FAKE."""
    counts = Counter((row.source, row.label) for row in rows)
    order = np.random.default_rng(seed).permutation(sorted({row.source for row in rows}))
    real = [name for name in order if counts[name, REAL] >= counts[name, FAKE]]
    fake = [name for name in order if counts[name, REAL] < counts[name, FAKE]]
    mixed = [name for pair in zip_longest(real, fake) for name in pair if name is not None]
    chosen = set(mixed[:count])
    return [row for row in rows if row.source in chosen]


def _learned(pairs: list[tuple[Row, float]]) -> dict[str, float]:
    targets = evaluation.targets_of([row for row, _ in pairs])
    logits = np.array([logit for _, logit in pairs])
    scores = np.clip(calibration.to_scores(logits), 1e-6, 1 - 1e-6)
    loss = -np.mean(np.where(targets == 1, np.log(scores), np.log(1 - scores)))
    accuracy = np.mean((scores > 0.5) == (targets == 1))
    values = {"loss": loss, "accuracy": accuracy, "auroc": classification.auroc(targets, scores)}
    return {name: round(float(value), 4) for name, value in values.items()}


def headline(rows: Sequence[Row], logits: Floats) -> Headline:
    """Figures within each source, their mean, and its 95 % interval by bootstrap."""
    targets, sources = evaluation.targets_of(rows), np.array([row.source for row in rows])
    scores = calibration.to_scores(logits)
    names = sorted(set(sources))
    folds = []
    for name in names:
        here = sources == name
        values = {key: evaluation.clean(value) for key, value in classification.summary(targets[here], scores[here])}
        fold: FoldFigures = {
            "source": name,
            "n": int(here.sum()),
            "auroc": values["auroc"],
            "balanced_accuracy": values["balanced_accuracy"],
            "accuracy": values["accuracy"],
            "fakes_found": values["fakes_found"],
            "decided": evaluation.three_way(targets[here], *_by_the_others(targets, logits, here)),
        }
        folds.append(fold)
    drawn = [classification.draws(targets[sources == name], scores[sources == name], FIGURES) for name in names]
    intervals = {key: classification.percentiles(np.mean([draw[key] for draw in drawn], axis=0)) for key in FIGURES}
    return {
        "folds": folds,
        "mean": {str(key): _mean([fold[key] for fold in folds]) for key in FIGURES},
        "intervals": {key: [evaluation.clean(edge) for edge in edges] for key, edges in intervals.items()},
        "decided": _mean_decided([fold["decided"] for fold in folds]),
    }


def overall(rows: Sequence[Row], logits: Floats) -> Report:
    """The report over all held-out images; the scores and verdicts of each source by calibration on the others."""
    targets, sources = evaluation.targets_of(rows), np.array([row.source for row in rows])
    scores, fake, real = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
    for name in np.unique(sources):
        here = sources == name
        scores[here], fake[here], real[here] = _by_the_others(targets, logits, here)
    return evaluation.report(rows, scores, fake, real)


def _by_the_others(targets: Ints, logits: Floats, here: np.ndarray) -> tuple[Floats, float, float]:
    """Scores of one source and the two thresholds for it, calibrated on all other sources."""
    fitted = calibration.calibrate(targets[~here], logits[~here])
    scores = calibration.to_scores(logits[here], fitted["temperature"])
    return scores, fitted["fake_below"], fitted["real_above"]


def reliability(rows: Sequence[Row], logits: Floats) -> TrustedCalibration:
    """The calibration for a detector trained on everything: fitted on held-out logits, with the table behind "of
    held-out images with this score, x % were AI-generated"."""
    targets = evaluation.targets_of(rows)
    fitted = calibration.calibrate(targets, logits)
    scores = calibration.to_scores(logits, fitted["temperature"])
    return {**fitted, "reliability": calibration.reliability(targets, scores)}


def _mean_decided(folds: list[Decided]) -> Decided:
    return {
        "share": _mean([fold["share"] for fold in folds]),
        "accuracy": _mean([fold["accuracy"] for fold in folds]),
        "real_called_fake": _mean([fold["real_called_fake"] for fold in folds]),
        "fake_called_real": _mean([fold["fake_called_real"] for fold in folds]),
        "real_called_real": _mean([fold.get("real_called_real") for fold in folds]),
        "fake_called_fake": _mean([fold.get("fake_called_fake") for fold in folds]),
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return evaluation.clean(float(np.mean(known))) if known else None


def markdown(measured: HeldOut) -> str:
    """The held-out figures as Markdown: the headline with its baselines, its folds, degraded copies, all sources."""
    first, second = measured["headline"], measured["sources"]
    lines = [f"# Held-out figures of {measured['architecture']}", "", "Headline: mean over sources held out alone", ""]
    lines += ["| | AUROC | 95 % interval | balanced accuracy | 95 % interval |", "| --- " * 5 + "|"]
    cells = [f"{first['mean'][key]} | {_between(first['intervals'][key])}" for key in FIGURES[:2]]
    lines.append(f"| {measured['architecture']} | {' | '.join(cells)} |")
    for name, other in measured["baselines"].items():
        lines.append(f"| {name} | {other['headline']['auroc']} | | {other['headline']['balanced_accuracy']} | |")
    lines += [
        "",
        "| source | n | AUROC | balanced accuracy | AI found at 5 % false alarms | decided | correct when decided |",
    ]
    lines.append("| --- " * 7 + "|")
    for fold in first["folds"]:
        figures = [fold["auroc"], fold["balanced_accuracy"], fold["fakes_found"]]
        lines.append(_fold_line(fold["source"], str(fold["n"]), figures, fold["decided"]))
    figures = [first["mean"][key] for key in ("auroc", "balanced_accuracy", "fakes_found")]
    lines.append(_fold_line("mean", "", figures, first["decided"]))
    if curve := measured.get("history"):
        header = (
            "| training sources | images | AUROC on them | on held-out parts | accuracy on them | on held-out parts |"
        )
        lines += ["", header, "| --- " * 6 + "|"]
        for entry in curve:
            keys = ("sources", "images", "auroc", "val_auroc", "accuracy", "val_accuracy")
            lines.append("| " + " | ".join(str(entry[key]) for key in keys) + " |")
    if tiers := measured.get("tiers"):
        lines += ["", "| degraded copies, headline | AUROC | balanced accuracy |", "| --- " * 3 + "|"]
        lines += [f"| {name} | {tier['auroc']} | {tier['balanced_accuracy']} |" for name, tier in tiers.items()]
    lines += ["", "Reliability of the calibrated scores (both classes taken as equally frequent):", ""]
    lines += ["| score | held-out images | AI-generated |", "| --- " * 3 + "|"]
    table = measured["reliability"]["reliability"]
    lines += [f"| {row['low']} – {row['high']} | {row['n']} | {row['fake']:.0%} |" for row in table]
    for name, other in measured["baselines"].items():
        lines += ["", f"All sources in five parts, {name}: AUROC {other['sources']['auroc']}, balanced accuracy "
                  f"{other['sources']['balanced_accuracy']}"]  # fmt: skip
    return "\n".join(lines) + "\n\n" + evaluation.markdown(second, "All sources in five parts")


def _fold_line(source: str, n: str, figures: list[float | None], decided: Decided) -> str:
    told = map(str, [n, *figures, decided["share"], decided["accuracy"]])
    return f"| {source} | {' | '.join(told)} |"


def _between(edges: Interval) -> str:
    return f"{edges[0]} – {edges[1]}"
