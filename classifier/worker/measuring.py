"""What a registered detector is worth on given images. Its bundle is loaded once for all of it. Imports Keras."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models.fields.files import FieldFile

from classifier.detector.data import manifest
from classifier.detector.data.manifest import Row
from classifier.detector.errors import UnreadableImage
from classifier.detector.labels import CLASS_NAMES
from classifier.detector.measuring import attacks, evaluation
from classifier.detector.measuring.tiers import TIERS
from classifier.detector.serving import bundle
from classifier.detector.serving.bundle import LoadedDetector
from classifier.detector.stats import calibration
from classifier.detector.stats.measured import Attacks, Report, TierFigures
from classifier.detector.training.pace import Step
from classifier.models import Detector
from classifier.models.claims import is_trouble
from classifier.registry import bundles
from classifier.worker.candidates import publish
from classifier.worker.examine import Known, examine

FAILURES = 12
"""How many of its worst mistakes a measurement names."""


@dataclass(frozen=True)
class Measured:
    """report: as `evaluation.report`, with size, speed, worst mistakes and tiers. scores: P(REAL) by SHA-256. answers:
    what a user would be told of each further file, None where it can't be read."""

    report: Report
    scores: dict[str, float]
    answers: list[Known | None]


def measure(
    detector: Detector,
    rows: Sequence[Row],
    files: Sequence[FieldFile] = (),
    degraded: Sequence[Row] = (),
    on_image: Step | None = None,
) -> Measured:
    """Scores on `rows`, answers to `files`, and figures on degraded copies of the rows in `degraded`. Raises
    DatasetError, BundleError."""
    folder = bundles.folder_of(detector)
    loaded = bundle.load(folder)
    started = time.perf_counter()
    scores = _scores(loaded, rows, on_image)
    milliseconds = 1000 * (time.perf_counter() - started) / max(1, len(rows))
    report = _report(loaded, rows, scores)
    targets = evaluation.targets_of(rows)
    wrong = np.abs(targets - scores)
    worst = [int(index) for index in np.argsort(-wrong)[:FAILURES] if wrong[index] > 0.5]
    report |= {
        "milliseconds": round(milliseconds, 1),
        "model_bytes": (folder / bundle.MODEL_FILE).stat().st_size,
        "reliability": calibration.reliability(targets, scores),
        "failures": [{"sha256": rows[i].sha256, "label": rows[i].label, "score": float(scores[i])} for i in worst],
    }
    if degraded:
        report["tiers"] = {name: _tier(loaded, degraded, name, on_image) for name in TIERS}
    by_file = {row.sha256: round(float(score), 4) for row, score in zip(rows, scores, strict=True)}
    return Measured(report, by_file, [_answer(loaded, file) for file in files])


def _scores(loaded: LoadedDetector, rows: Sequence[Row], on_image: Step | None, tier: str = "clean") -> Any:
    logits = evaluation.predict_logits(loaded, rows, on_image, TIERS[tier])
    return calibration.to_scores(logits, loaded.card.temperature)


def _report(loaded: LoadedDetector, rows: Sequence[Row], scores: Any) -> Report:
    return evaluation.report(rows, scores, loaded.card.fake_below, loaded.card.real_above)


def _tier(loaded: LoadedDetector, rows: Sequence[Row], tier: str, on_image: Step | None) -> TierFigures:
    report = _report(loaded, rows, _scores(loaded, rows, on_image, tier))
    return {
        "auroc": report["overall"]["auroc"],
        "balanced_accuracy": report["overall"]["balanced_accuracy"],
        "decided": report["decided"],
    }


def _answer(loaded: LoadedDetector, file: FieldFile) -> Known | None:
    try:
        with file.open("rb") as opened:
            return examine(opened.read(), loaded)
    except (UnreadableImage, OSError) as error:
        if is_trouble(error):
            raise
        return None


def attacked(detector: Detector, rows: Sequence[Row], count: int, seed: int, save: bool) -> Attacks:
    """`attacks.attack_report` on up to `count` images, half of each class, drawn at random; with `save` it becomes a
    part of the bundle's report, and its limit the bundle's largest jump. Raises DatasetError, BundleError."""
    manifest.require_both_classes(rows, "the manifest")
    rng = np.random.default_rng(seed)
    chosen: list[Row] = []
    for label in CLASS_NAMES:
        here = [row for row in rows if row.label == label]
        chosen += [here[index] for index in rng.permutation(len(here))[: count // 2]]
    loaded = bundle.load(bundles.folder_of(detector))
    views = [evaluation.views_of(row, loaded.card.preprocessing) for row in chosen]
    attacked_report = attacks.attack_report(loaded, views, evaluation.targets_of(chosen))
    if save:
        with bundles.open_for_change(detector) as folder:
            report: Report = {**loaded.card.report, "attacks": attacked_report}
            publish(folder, bundle.revise(folder, largest_jump=attacked_report["limit"], report=report))
    return attacked_report
