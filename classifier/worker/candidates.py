"""WORKER ONLY: manifest → train → calibrate → evaluate → candidate Detector. Imports Keras."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from classifier.detector.data import manifest
from classifier.detector.data.manifest import Row
from classifier.detector.errors import BundleError
from classifier.detector.measuring import evaluation, model_card, plots
from classifier.detector.networks import architectures
from classifier.detector.serving import bundle, subject
from classifier.detector.stats.measured import Report
from classifier.detector.training.batches import Config
from classifier.detector.training.pace import Progress, Step
from classifier.detector.training.runner import train
from classifier.models import Detector
from classifier.registry import detectors
from classifier.worker import shared_features

MANIFEST_FILE = "manifest.csv"


def train_candidate(
    config: Config,
    manifest_path: Path,
    baseline: bool = False,
    on_epoch: Progress | None = None,
    on_step: Step | None = None,
) -> Detector:
    """Train, draw the plots, register. A killed run resumes when called again with the same version.

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
    original = _original_project_s(config) if baseline else None
    with shared_features.shared():
        beside = train(original, rows, folder / "baseline", on_epoch, on_step).card.report if original else None
        card = train(config, rows, folder, on_epoch, on_step).card
    if beside:
        card = bundle.revise(folder, report={**card.report, "baseline": beside["overall"]})
    publish(folder, card)


def _original_project_s(config: Config) -> Config:
    """The same run with the original project's network, as that was trained."""
    return dataclasses.replace(
        config, version="baseline", architecture="cnn32", epochs=20, augment=False, label_smoothing=0.0, patience=20
    )


def finish(folder: Path) -> Detector:
    """Register a trained bundle, with the plots that a killed run may have left out."""
    if not (folder / "MODEL_CARD.md").exists():
        publish(folder, bundle.read_card(folder))
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


def configured(manifest_path: Path, chosen: Config) -> Config:
    """The run's Config, complete. Where it names no architecture, the one that suits the pictures' size; where an
    architecture of which only the last layer is fitted has no start, the shipped detector of that architecture."""
    if chosen.architecture:
        return started(chosen)
    suited = architectures.suited([row.longest for row in manifest.read(manifest_path)])
    return started(dataclasses.replace(chosen, architecture=suited))


def started(config: Config) -> Config:
    """With the start that its architecture needs, where none was chosen."""
    if config.start:
        return config
    for choice in ("thorough", "quick"):
        folder = detectors.shipped_folder(choice)
        card = bundle.read_card(folder)
        if card.architecture == config.architecture and card.preprocessing.joint:
            return dataclasses.replace(config, start=str(bundle.start_of(folder)))
    return config


def unused_folder(version: str) -> Path:
    """Where a bundle of this version will lie. Raises BundleError when one is there."""
    folder = Detector(version=version).folder
    if (folder / bundle.CARD_FILE).exists():
        raise BundleError(f"version {version} exists already in {folder}; choose another --name")
    return folder


def publish(folder: Path, card: bundle.Card) -> None:
    """What a bundle's card says, for people: beside it as Markdown and plots, and in its row where it has one."""
    card = carry_subject(folder, card)
    detectors.refresh(card)
    write_report(card.report, f"{card.version} on sources that the scoring network never saw", folder)
    (folder / "MODEL_CARD.md").write_text(model_card.markdown(card), encoding="utf-8")


def carry_subject(folder: Path, card: bundle.Card) -> bundle.Card:
    """A new head on the encoder of the shipped detector sees the same features, so that one's idea of what is no
    photograph holds for it, too."""
    shipped = detectors.shipped_folder("thorough")
    other = bundle.read_card(shipped)
    if not card.encoder or card.subject or not other.subject or card.encoder != other.encoder:
        return card
    return bundle.revise(folder, subject=subject.write(folder, subject.read(shipped, other.subject)))


def write_report(report: Report, title: str, folder: Path) -> None:
    """`report.md` and the plots, into a folder that is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(evaluation.markdown(report, title), encoding="utf-8")
    plots.write(report, folder)
