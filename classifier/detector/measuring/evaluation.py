"""Measure a detector on a manifest: per source, with n and 95 % intervals."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from classifier.detector.data.manifest import ANY_SIZE, Row
from classifier.detector.errors import DatasetError
from classifier.detector.images.decoding import read_rgb
from classifier.detector.images.preprocessing import Pixels, Preprocessing, prepare
from classifier.detector.labels import CLASS_NAMES, FAKE, REAL
from classifier.detector.measuring.tiers import TIERS, Tier
from classifier.detector.serving.bundle import LoadedDetector
from classifier.detector.stats.classification import (
    Floats,
    Ints,
    bootstrap,
    calibration_error,
    confusion,
    roc_curve,
    summary,
    wilson,
)
from classifier.detector.stats.measured import (
    Decided,
    DecidedKey,
    GeneratorFigures,
    PhotographFigures,
    Report,
    SourceFigures,
    Subset,
)

HEADLINE = ("accuracy", "precision", "recall", "f1", "balanced_accuracy", "auroc", "fakes_found", "brier")
DECIDED: tuple[DecidedKey, ...] = ("share", "accuracy", "real_called_fake", "fake_called_real")
"""What tables show of the three-way verdicts."""
Edges = float | Floats
"""A threshold for all images, or one for each: thresholds of cross-validation differ by fold."""


def targets_of(rows: Sequence[Row]) -> Ints:
    """(n,) int array: 0 for FAKE, 1 for REAL."""
    return np.array([CLASS_NAMES.index(row.label) for row in rows])


def views_of(row: Row, spec: Preprocessing, tier: Tier = TIERS["clean"]) -> Pixels:
    """The serving views of a row after a tier; the scaled-down picture is read where the manifest has one.

    A network that sees no crops gets the tier on that scaled-down picture, which is harsher than in life: there the
    picture is degraded first and scaled down afterwards.
    """
    whole = read_rgb(row.whole, ANY_SIZE) if row.whole else None
    if not spec.sees_crops and whole:
        degraded = tier(whole, max(whole.size))
        return prepare(degraded, spec, degraded)
    return prepare(tier(read_rgb(row.path, ANY_SIZE), row.longest), spec, whole)


def predict_logits(
    detector: LoadedDetector,
    rows: Sequence[Row],
    on_image: Callable[[int, int], None] | None = None,
    tier: Tier = TIERS["clean"],
) -> Floats:
    """The logit of each row before the temperature, shape (n,), 8 images a batch; the serving path, file for file."""
    logits: list[Floats] = []
    waiting: list[Pixels] = []
    for index, row in enumerate(rows, 1):
        waiting.append(views_of(row, detector.card.preprocessing, tier))
        if len(waiting) == 8 or index == len(rows):
            logits.append(detector.logits(waiting))
            waiting = []
        if on_image:
            on_image(index, len(rows))
    return np.concatenate(logits) if logits else np.zeros(0)


def report(rows: Sequence[Row], scores: Floats, fake_below: Edges, real_above: Edges) -> Report:
    """Everything the metrics page and the model card show, as plain JSON values. Raises DatasetError for no rows."""
    if not rows:
        raise DatasetError("expected at least one image to measure on; the manifest has none in this split")
    targets = targets_of(rows)
    overall = dict(summary(targets, scores))
    intervals = bootstrap(targets, scores, HEADLINE)
    false, true = roc_curve(targets, scores)
    return {
        "n": len(rows),
        "counts": {name: int(np.sum(targets == index)) for index, name in enumerate(CLASS_NAMES)},
        "overall": {name: clean(value) for name, value in overall.items()},
        "intervals": {name: [clean(low), clean(high)] for name, (low, high) in intervals.items()},
        "calibration_error": clean(calibration_error(targets, scores)),
        "decided": three_way(targets, scores, fake_below, real_above),
        "confusion": confusion(targets, scores),
        "roc": [[clean(x), clean(y)] for x, y in thin(false, true)],
        "sources": list(per_source(rows, scores, fake_below)),
        "generators": list(per_generator(rows, scores, fake_below, real_above)),
        "photographs": list(per_photographs(rows, scores, fake_below, real_above)),
    }


def three_way(targets: Ints, scores: Floats, fake_below: Edges, real_above: Edges) -> Decided:
    """Verdicts with abstentions."""
    fake, real = scores < fake_below, scores > real_above
    decided, right = fake | real, np.where(targets == 1, real, fake)
    return {
        "share": share(decided),
        "accuracy": share(right[decided]),
        "real_called_fake": share(fake[targets == 1]),
        "fake_called_real": share(real[targets == 0]),
        "real_called_real": share(real[targets == 1]),
        "fake_called_fake": share(fake[targets == 0]),
    }


def per_source(rows: Sequence[Row], scores: Floats, fake_below: Edges) -> Iterator[SourceFigures]:
    """For each source: n by class, accuracy with its Wilson interval; AUROC and balanced accuracy where both classes
    are there; the share of its REAL images called FAKE by the three-way verdict."""
    targets = targets_of(rows)
    called_fake = scores < fake_below
    sources = np.array([row.source for row in rows])
    for source in np.unique(sources):
        here = sources == source
        values = dict(summary(targets[here], scores[here]))
        counts = confusion(targets[here], scores[here])
        hits = counts["real_as_real"] + counts["fake_as_fake"]
        yield {
            "source": str(source),
            "real": int(np.sum(targets[here] == 1)),
            "fake": int(np.sum(targets[here] == 0)),
            "interval": [clean(edge) for edge in wilson(hits, int(here.sum()))],
            "accuracy": clean(values["accuracy"]),
            "balanced_accuracy": clean(values["balanced_accuracy"]),
            "auroc": clean(values["auroc"]),
            "real_called_fake": share(called_fake[here & (targets == 1)]),
        }


def per_generator(
    rows: Sequence[Row], scores: Floats, fake_below: Edges, real_above: Edges
) -> Iterator[GeneratorFigures]:
    """For each generator (named subset of FAKE in a source): n, the share scored below 0.5 with its Wilson interval,
    the shares called FAKE and REAL by the three-way verdict; the rest was inconclusive."""
    for name, here in _subsets(rows, FAKE):
        below = scores[here] <= 0.5
        yield {
            "generator": name,
            "n": int(here.sum()),
            "found": share(below),
            "interval": [clean(edge) for edge in wilson(int(below.sum()), int(here.sum()))],
            "called_fake": share((scores < fake_below)[here]),
            "called_real": share((scores > real_above)[here]),
        }


def per_photographs(
    rows: Sequence[Row], scores: Floats, fake_below: Edges, real_above: Edges
) -> Iterator[PhotographFigures]:
    """For each kind of real photographs (named subset of REAL in a source: portraits, phone snapshots of fruit …): n,
    the share called FAKE by the three-way verdict with its Wilson interval, the share called REAL."""
    for name, here in _subsets(rows, REAL):
        accused = (scores < fake_below)[here]
        yield {
            "photographs": name,
            "n": int(here.sum()),
            "called_fake": share(accused),
            "interval": [clean(edge) for edge in wilson(int(accused.sum()), int(here.sum()))],
            "called_real": share((scores > real_above)[here]),
        }


def _subsets(rows: Sequence[Row], label: str) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """ "source / subset" and which rows it is, for each named subset of a class."""
    names = np.array([f"{row.source} / {row.subset}" if row.label == label and row.subset else "" for row in rows])
    for name in np.unique(names[names != ""]):
        yield str(name), names == name


def share(values: np.ndarray) -> float | None:
    """The share of true values, None where there are none to count."""
    return clean(float(values.mean()) if len(values) else math.nan)


def markdown(measured: Report, title: str) -> str:
    """A report as Markdown: headline figures with 95 % intervals, then one row a source."""
    lines = [
        f"# {title}",
        "",
        f"n = {measured['n']} ({measured['counts']['REAL']} real, {measured['counts']['FAKE']} AI)",
        "",
    ]
    lines += ["| metric | value | 95 % interval |", "| --- | --- | --- |"]
    for name in HEADLINE:
        low, high = measured["intervals"][name]
        lines.append(f"| {name} | {measured['overall'][name]} | {low} – {high} |")
    if baseline := measured.get("baseline"):
        lines += [
            "",
            "Baseline cnn32 on the same images: " + ", ".join(f"{name} {baseline[name]}" for name in HEADLINE),
        ]
    if tiers := measured.get("tiers"):
        lines += [
            "",
            "| tier | AUROC | balanced accuracy | decided | correct when decided | real called AI | AI called real |",
        ]
        lines.append("| --- " * 7 + "|")
        for name, tier in tiers.items():
            cells = map(str, [tier["auroc"], tier["balanced_accuracy"], *(tier["decided"][key] for key in DECIDED)])
            lines.append(f"| {name} | {' | '.join(cells)} |")
    decided = measured["decided"]
    lines += [
        "",
        f"Calibration error (ECE) {measured['calibration_error']}. With thresholds: {decided['share']:.0%} decided, "
        f"{percent(decided['accuracy'])} of those correct, {percent(decided['real_called_fake'])} of real called AI, "
        f"{percent(decided['fake_called_real'])} of AI called real.",
    ]
    header = "| source | real | AI | accuracy | 95 % interval | balanced accuracy | AUROC | real called AI |"
    lines += ["", header, "| --- " * 8 + "|"]
    for row in measured["sources"]:
        low, high = row["interval"]
        figures = [row["accuracy"], f"{low} – {high}", row["balanced_accuracy"], row["auroc"], row["real_called_fake"]]
        told = " | ".join("–" if figure is None else str(figure) for figure in figures)
        lines.append(f"| {row['source']} | {row['real']} | {row['fake']} | {told} |")
    lines += _verdicts("real photographs", [(row["photographs"], row) for row in measured.get("photographs", [])])
    lines += _verdicts("generator", [(row["generator"], row) for row in measured["generators"]])
    return "\n".join(lines) + "\n"


def inconclusive(row: Subset) -> float | None:
    """The share of a subset that got no verdict, None in old reports."""
    fake, real = row["called_fake"], row.get("called_real")
    return None if fake is None or real is None else max(0.0, 1 - fake - real)


def _verdicts(title: str, rows: Sequence[tuple[str, Subset]]) -> list[str]:
    """How often each subset was called what, those with the most images first. `called_real` is not in old reports."""
    if not rows:
        return []
    lines = ["", f"| {title} | n | called FAKE | INCONCLUSIVE | called REAL |", "| --- " * 5 + "|"]
    for name, row in sorted(rows, key=lambda pair: -pair[1]["n"]):
        shares = map(percent, (row["called_fake"], inconclusive(row), row.get("called_real")))
        lines.append(f"| {name} | {row['n']} | {' | '.join(shares)} |")
    return lines


def percent(value: float | None) -> str:
    """A share in words, a dash where nothing could be measured."""
    return "–" if value is None else f"{value:.0%}"


def thin(x: Floats, y: Floats, points: int = 200) -> list[tuple[float, float]]:
    """At most `points` points of a curve, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(x) - 1, min(points, len(x))).astype(int))
    return [(float(x[index]), float(y[index])) for index in chosen]


def clean(value: float) -> float | None:
    """Four decimals; NaN becomes None, because JSON has no NaN."""
    return None if math.isnan(value) else round(float(value), 4)
