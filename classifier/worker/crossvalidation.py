"""WORKER ONLY: cross-validate an architecture, and register a detector trained on everything. Imports Keras."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from classifier.detector.data.manifest import PHOTO, Row
from classifier.detector.errors import DetectorError
from classifier.detector.images.preprocessing import Preprocessing
from classifier.detector.measuring import evaluation, file_baseline, heldout
from classifier.detector.measuring.heldout import Predict, group_folds, headline_folds, held_out, source_folds
from classifier.detector.measuring.tiers import TIERS
from classifier.detector.networks import architectures
from classifier.detector.serving import bundle
from classifier.detector.stats import calibration
from classifier.detector.stats.measured import Baseline, Epoch, Headline, HeldOut, Report, TierFigures
from classifier.detector.training import initial_weights, linear
from classifier.detector.training.batches import Config
from classifier.detector.training.pace import Step
from classifier.detector.training.runner import card_of, encoder_of, predictor
from classifier.models import Detector
from classifier.registry import detectors
from classifier.worker.candidates import publish, started, unused_folder

REPORT_FILE = "heldout.json"
SUMMARY = ("web", "hard")
THINNED = 20


def cross_validate(
    config: Config,
    rows: Sequence[Row],
    folder: Path,
    name: str | None = None,
    baseline: Path | None = None,
    tiers: bool = False,
    on_image: Step | None = None,
) -> str:
    """Held-out figures of an architecture on photographs, written to `folder` as JSON and Markdown; returns the
    Markdown. With a joint architecture, rows of other kinds train along.

    A killed run resumes when called again with the same folder. With `name`, a bundle trained on all rows is
    registered, calibrated on the held-out logits; only joint architectures can do that.
    """
    target, config = unused_folder(name) if name else None, started(config)
    folds = _folds(config, rows, folder, on_image)
    if (name or tiers) and not folds:
        raise DetectorError(f"--name and --tiers need a joint architecture such as fusion, not {config.architecture}")
    predict: Predict = folds.predict if folds else predictor(config, folder)
    everything, rows = rows, [row for row in rows if row.kind == PHOTO]
    one = held_out(headline_folds(rows), predict, folder / "headline")
    five = held_out(source_folds(rows), predict, folder / "sources")
    measured: HeldOut = {
        "headline": heldout.headline(*one),
        "sources": heldout.overall(*five),
        "reliability": heldout.reliability(*five),
        "baselines": {"trivial features": _compact(rows, file_baseline.predict, folder / "trivial")},
        "architecture": config.architecture,
        "seed": config.seed,
    }
    if baseline:
        other = json.loads((baseline / REPORT_FILE).read_text(encoding="utf-8"))
        measured["baselines"][other["architecture"]] = _short(other["headline"], other["sources"])
    if folds:
        measured["history"] = _learning(folds, rows, folder / "learning.json")
    if tiers and folds:
        measured["tiers"] = _tiers(folds, rows, folder, config, on_image)
    (folder / REPORT_FILE).write_text(json.dumps(measured, indent=1), encoding="utf-8")
    text = heldout.markdown(measured)
    (folder / "heldout.md").write_text(text, encoding="utf-8")
    if target and folds:
        _register(folds, dataclasses.replace(config, version=target.name), everything, target, measured)
    return text


def cross_validate_within(
    config: Config, rows: Sequence[Row], folder: Path, source: str, on_image: Step | None = None
) -> str:
    """Five-fold figures of an architecture inside one source, near-duplicates together, as Markdown. Features that
    `cross_validate` left in the same folder are used."""
    folds = _folds(config, rows, folder, on_image)
    predict: Predict = folds.predict if folds else predictor(config, folder)
    rows = [row for row in rows if row.kind == PHOTO]
    if folds:
        folds.extras = []  # this source alone
    tested, logits = held_out(group_folds(rows, source), predict, folder / f"within-{source}")
    measured = evaluation.report(tested, calibration.to_scores(logits), 0.5, 0.5)
    return evaluation.markdown(measured, f"{config.architecture} inside {source}")


def _folds(config: Config, rows: Sequence[Row], folder: Path, on_image: Step | None) -> linear.Folds | None:
    """For joint architectures: features of all rows, once. None for those trained from scratch in each fold."""
    model, spec = architectures.build(config.architecture)
    if not spec.joint:
        return None
    if config.start:
        initial_weights.load_start(model, config.start)
    features = _features(model, spec, rows, folder / "features", config, on_image=on_image)
    return linear.Folds(model, spec, rows, features)


def _features(
    model: Any,
    spec: Preprocessing,
    rows: Sequence[Row],
    place: Path,
    config: Config,
    copies: int = linear.COPIES,
    tier: str = "clean",
    on_image: Step | None = None,
) -> Any:
    """Of a network on an encoder from the cache that all of them share, otherwise kept at `place`."""
    if encoder := encoder_of(config):
        return linear.extract_cached(model, spec, rows, settings.FEATURES, encoder, tier, on_image)
    return linear.extract(model, spec, rows, place, config.seed, copies, tier, on_image)


def _compact(rows: Sequence[Row], predict: Predict, folder: Path) -> Baseline:
    one = held_out(headline_folds(rows), predict, folder / "headline")
    five = held_out(source_folds(rows), predict, folder / "sources")
    return _short(heldout.headline(*one), heldout.overall(*five))


def _short(headline: Headline, everywhere: Report) -> Baseline:
    kept = {key: everywhere["overall"][key] for key in ("auroc", "balanced_accuracy")}
    return {"headline": headline["mean"], "sources": kept}


def _learning(folds: linear.Folds, rows: Sequence[Row], kept: Path) -> list[Epoch]:
    if not kept.exists():
        kept.write_text(json.dumps(heldout.learning_curve(rows, folds.fit, folds.logits)))
    return list(json.loads(kept.read_text()))


def _tiers(
    folds: linear.Folds, rows: Sequence[Row], folder: Path, config: Config, on_image: Step | None
) -> dict[str, TierFigures]:
    """The headline's images, degraded; the networks are those of the clean headline."""
    sources = set(heldout.two_class_sources(rows))
    tested = [row for row in rows if row.source in sources]
    wanted = list(TIERS)
    if encoder_of(config):  # a transformer takes its time: fewer pictures, and the two tiers that sum up the others
        tested, wanted = _thinned(tested), ["clean", *SUMMARY]
    chosen = {row.sha256 for row in tested}
    folds_of = [
        (name, [row for row in split if row.split != "test" or row.sha256 in chosen])
        for name, split in headline_folds(rows)
    ]
    held = {}
    for tier in wanted:
        place = folder / f"features-{tier.replace(' ', '-')}"
        degraded = _features(folds.model, folds.spec, tested, place, config, 1, tier, on_image)
        predict = folds.predicting(tested, degraded)
        some = (
            (name, [row for row in split if row.split != "test" or row.sha256 in chosen]) for name, split in folds_of
        )
        held[tier] = held_out(some, predict, folder / f"headline-{tier.replace(' ', '-')}")
    figures = {tier: heldout.headline(*measured) for tier, measured in held.items()}
    return {
        tier: {
            "auroc": figure["mean"]["auroc"],
            "balanced_accuracy": figure["mean"]["balanced_accuracy"],
            "decided": figure["decided"],
        }
        for tier, figure in figures.items()
    }


def _thinned(rows: Sequence[Row]) -> list[Row]:
    """At most THINNED rows of each class of each source, evenly."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.source, row.label].append(row)
    return [row for group in groups.values() for row in group[:: max(1, len(group) // THINNED)][:THINNED]]


def _register(folds: linear.Folds, config: Config, rows: Sequence[Row], target: Path, measured: HeldOut) -> Detector:
    everything = [dataclasses.replace(row, split="train") for row in rows]
    folds.fit(everything)
    report: Report = {
        **measured["sources"],
        "headline": measured["headline"],
        "baselines": measured["baselines"],
    }
    if "tiers" in measured:
        report["tiers"] = measured["tiers"]
    if "history" in measured:
        report["history"] = measured["history"]
    card = card_of(config, folds.spec, everything, [])
    card = dataclasses.replace(card, **measured["reliability"], report=report)
    card = bundle.save(folds.model, target, card)
    publish(target, card)
    return detectors.register(target)
