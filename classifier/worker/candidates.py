"""WORKER ONLY: manifest → train → calibrate → evaluate → candidate Detector. Imports Keras."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from classifier.detector.data import manifest
from classifier.detector.data.manifest import Row
from classifier.detector.errors import BundleError, UnreadableImage
from classifier.detector.images.decoding import read_rgb
from classifier.detector.images.suitability import unfit
from classifier.detector.labels import CLASS_NAMES
from classifier.detector.measuring import attacks, evaluation, model_card, plots
from classifier.detector.measuring.tiers import TIERS
from classifier.detector.networks import architectures
from classifier.detector.serving import bundle
from classifier.detector.serving.judgement import Judgement, judge
from classifier.detector.stats import calibration
from classifier.detector.training.runner import Config, Progress, Step, train
from classifier.intake import checks
from classifier.models import Detector
from classifier.registry import detectors

MANIFEST_FILE = "manifest.csv"
FAILURES = 12
"""How many of its worst mistakes a measurement names."""
BASELINE: dict[str, Any] = {
    "architecture": "cnn32",
    "epochs": 20,
    "augment": False,
    "label_smoothing": 0.0,
    "patience": 20,
}


def train_candidate(
    config: Config,
    manifest_path: Path,
    baseline: bool = False,
    on_epoch: Progress | None = None,
    on_step: Step | None = None,
) -> Detector:
    """Train, draw the plots, register. A killed run goes on when called again with the same version.

    With `baseline` the original project's network is trained on the same images and reported beside it.
    """
    folder = unused_folder(config.version)
    train_rows(config, manifest.read(manifest_path), folder, on_epoch, on_step, baseline)
    return finish(folder)


def train_rows(
    config: Config,
    rows: list[Row],
    folder: Path,
    on_epoch: Progress | None = None,
    on_step: Step | None = None,
    baseline: bool = False,
) -> None:
    """Train on those rows whose files are there; the bundle keeps their manifest, to be compared on later. Raises
    DatasetError."""
    rows, _ = manifest.still_there(rows)
    manifest.write(rows, folder / MANIFEST_FILE)
    extra: dict[str, Any] = {}
    if baseline:
        original = dataclasses.replace(config, **BASELINE, version="baseline")
        extra["baseline"] = train(original, rows, folder / "baseline", on_epoch, on_step).report["overall"]
    card = train(config, rows, folder, on_epoch, on_step)
    publish(folder, card.report | extra)


def finish(folder: Path) -> Detector:
    """Register a trained bundle, with the plots that a killed run may have left out."""
    if not (folder / "MODEL_CARD.md").exists():
        publish(folder, bundle.read_card(folder).report)
    return detectors.register(folder)


def manifest_of(
    folder: Path, name: str, seed: int, on_file: Callable[[int, int], None] | None = None
) -> tuple[Path, list[str]]:
    """The manifest of a plain folder, kept with the detector of that name so that a killed run finds it again, and the
    complaints about files that were skipped. Split at random by near-duplicate group. Raises DatasetError."""
    path = unused_folder(name) / MANIFEST_FILE
    if path.is_file():
        return path, []
    rows, complaints = manifest.import_folder(folder, on_file=on_file)
    manifest.write(manifest.split(rows, [], [], seed), path)
    return path, complaints


def configured(manifest_path: Path, architecture: str, name: str, chosen: dict[str, Any]) -> Config:
    """The run's Config. Without an architecture the one that suits the pictures' size; `fusion` without a start begins
    from the shipped detector's network, which its last layer is fitted on anew."""
    architecture = architecture or architectures.suited([row.longest for row in manifest.read(manifest_path)])
    shipped = detectors.shipped_folder()
    if architecture == "fusion" and not chosen["start"] and bundle.read_card(shipped).architecture == architecture:
        chosen = {**chosen, "start": str(shipped / bundle.MODEL_FILE)}
    return Config(architecture, name, **chosen)


def unused_folder(version: str) -> Path:
    """Where a bundle of this version will lie. Raises BundleError when one is there."""
    folder = Detector(version=version).folder
    if (folder / bundle.CARD_FILE).exists():
        raise BundleError(f"version {version} exists already in {folder}; choose another --name")
    return folder


def publish(folder: Path, report: dict[str, Any]) -> None:
    """Put a report into the bundle's card, beside it as Markdown, and draw its plots."""
    card = bundle.revise(folder, report=report)
    write_report(report, f"{card.version} on sources that the scoring network never saw", folder)
    (folder / "MODEL_CARD.md").write_text(model_card.markdown(card), encoding="utf-8")


def write_report(report: dict[str, Any], title: str, folder: Path) -> None:
    """`report.md` and the plots, into a folder that is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(evaluation.markdown(report, title), encoding="utf-8")
    plots.write(report, folder)


def measure(detector: Detector, rows: list[manifest.Row], on_image: Any = None, tiers: bool = False) -> dict[str, Any]:
    """The report of a registered detector on other rows, with `tiers` for degraded copies, too. Raises DatasetError,
    BundleError."""
    loaded = bundle.load(detector.folder)

    def report_on(tier: str) -> dict[str, Any]:
        logits = evaluation.predict_logits(loaded, rows, on_image, TIERS[tier])
        scores = calibration.to_scores(logits, loaded.card.temperature)
        return evaluation.report(rows, scores, loaded.card.fake_below, loaded.card.real_above)

    clean = report_on("clean")
    if tiers:
        reports = {name: clean if name == "clean" else report_on(name) for name in TIERS}
        clean["tiers"] = {
            name: {**{key: tier["overall"][key] for key in ("auroc", "balanced_accuracy")}, "decided": tier["decided"]}
            for name, tier in reports.items()
        }
    return clean


def measure_with_cases(
    detector: Detector, rows: list[Row], paths: list[str], on_image: Any = None
) -> tuple[dict[str, Any], dict[str, float], list[Judgement | None]]:
    """On test rows: the report with size, speed and worst mistakes, and each score by SHA-256; on further files what a
    user would be told, None where one can't be read. Raises DatasetError."""
    loaded = bundle.load(detector.folder)
    started = time.perf_counter()
    logits = evaluation.predict_logits(loaded, rows, on_image)
    seconds = time.perf_counter() - started
    scores = calibration.to_scores(logits, loaded.card.temperature)
    report = evaluation.report(rows, scores, loaded.card.fake_below, loaded.card.real_above)
    wrong = np.abs(evaluation.targets_of(rows) - scores)
    worst = [int(index) for index in np.argsort(-wrong)[:FAILURES] if wrong[index] > 0.5]
    report |= {
        "milliseconds": round(1000 * seconds / len(rows), 1),
        "model_bytes": (detector.folder / bundle.MODEL_FILE).stat().st_size,
        "reliability": calibration.reliability(evaluation.targets_of(rows), scores),
        "failures": [{"sha256": rows[i].sha256, "label": rows[i].label, "score": float(scores[i])} for i in worst],
    }
    by_file = {row.sha256: round(float(score), 4) for row, score in zip(rows, scores, strict=True)}
    return report, by_file, [_judged(loaded, path) for path in paths]


def _judged(loaded: bundle.LoadedDetector, path: str) -> Judgement | None:
    try:
        rgb = read_rgb(path, checks.limits())
    except (UnreadableImage, OSError):
        return None
    [said] = judge(loaded, [loaded.views(rgb)], [unfit(rgb, None)])
    return said


def attacked(detector: Detector, rows: list[manifest.Row], count: int, seed: int, save: bool) -> dict[str, Any]:
    """`robustness.attack_report` on up to `count` images, half of each class, drawn at random; with `save` it becomes a
    part of the bundle's report, and its limit the bundle's largest jump. Raises DatasetError, BundleError."""
    manifest.require_both_classes(rows, "the manifest")
    rng = np.random.default_rng(seed)
    chosen: list[manifest.Row] = []
    for label in CLASS_NAMES:
        here = [row for row in rows if row.label == label]
        chosen += [here[index] for index in rng.permutation(len(here))[: count // 2]]
    loaded = bundle.load(detector.folder)
    views = [evaluation.views_of(row, loaded.card.preprocessing) for row in chosen]
    found = attacks.attack_report(loaded, views, evaluation.targets_of(chosen))
    if save:
        card = detectors.revise(detector, largest_jump=found["limit"])
        publish(detector.folder, card.report | {"attacks": found})
        detectors.revise(detector)
    return found
