"""train(config, rows, folder): manifest → trained, calibrated, measured bundle."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from classifier.detector.data import manifest
from classifier.detector.data.manifest import Row
from classifier.detector.errors import DatasetError, DetectorError
from classifier.detector.images.preprocessing import Preprocessing
from classifier.detector.measuring import heldout
from classifier.detector.measuring.evaluation import predict_logits, report, targets_of
from classifier.detector.networks import encoder_file
from classifier.detector.networks.architectures import build
from classifier.detector.serving import bundle
from classifier.detector.serving.bundle import Card, LoadedDetector, save
from classifier.detector.stats import calibration
from classifier.detector.stats.classification import Floats
from classifier.detector.stats.measured import Epoch, Training
from classifier.detector.training import linear
from classifier.detector.training.batches import Batches, Config
from classifier.detector.training.initial_weights import load_start
from classifier.detector.training.pace import Pace, Progress, Step


@dataclasses.dataclass(frozen=True)
class Trained:
    """card: of the bundle that was written. rows: what it was measured on, with their logits (n,) before the
    temperature. history: one entry an epoch, empty where the last layer was fitted in closed form."""

    card: Card
    rows: list[Row]
    logits: Floats
    history: list[Epoch]


def train(
    config: Config, rows: Sequence[Row], folder: Path, on_epoch: Progress | None = None, on_step: Step | None = None
) -> Trained:
    """Train on the `train` rows, stop early and calibrate on `validation`, measure on `test`, write a bundle.

    A run that was killed continues from the last finished epoch when called again with the same folder. Raises
    DatasetError when a split is missing a class or a near-duplicate group crosses splits.
    """
    parts = {name: [row for row in rows if row.split == name] for name in manifest.SPLITS}
    _check(rows, parts)
    keras.utils.set_random_seed(config.seed)
    model, spec = build(config.architecture)
    if config.start:
        load_start(model, config.start)
    folder.mkdir(parents=True, exist_ok=True)
    history: list[Epoch] = []
    known: dict[str, npt.NDArray[np.float16]] = {}
    if encoder := encoder_of(config):
        cache = folder.parent.parent / "features"
        features = linear.extract_cached(model, spec, rows, cache, encoder, on_step=on_step)
        known = {row.sha256: values for row, values in zip(rows, features, strict=True)}
        linear.fit_head(model, np.stack([known[row.sha256] for row in parts["train"]]), parts["train"])
    elif spec.joint:
        linear.fit(model, spec, parts["train"], folder, config.seed, on_step)
    else:
        history = _fit(model, spec, config, parts, folder, (on_epoch, on_step))
    card = card_of(config, spec, rows, history)
    detector = LoadedDetector(card, model)

    def logits_of(some: Sequence[Row]) -> Floats:
        if not known:
            return predict_logits(detector, some)
        return linear.logits_of(model, np.stack([known[row.sha256][0] for row in some]))

    logits, targets = logits_of(parts["validation"]), targets_of(parts["validation"])
    fitted = calibration.calibrate(targets, logits)
    bins = max(1, min(10, len(logits) // 20))
    table = calibration.reliability(targets, calibration.to_scores(logits, fitted["temperature"]), bins)
    test = parts["test"] or parts["validation"]
    tested = logits if test is parts["validation"] else logits_of(test)
    scores = calibration.to_scores(tested, fitted["temperature"])
    measured = report(test, scores, fitted["fake_below"], fitted["real_above"])
    card = dataclasses.replace(card, **fitted, reliability=table, report={**measured, "history": history})
    return Trained(save(model, folder, card), test, tested, history)


def predictor(config: Config, folder: Path, on_epoch: Progress | None = None) -> heldout.Predict:
    """For `heldout.held_out`: trains one network per fold, each in its own folder."""

    def predict(name: str, split: list[Row]) -> Floats:
        place = folder / name
        tested = [row for row in split if row.split == "test"]
        if (place / bundle.CARD_FILE).is_file():
            return predict_logits(bundle.load(place), tested)
        trained = train(dataclasses.replace(config, version=f"{config.version}-{name}"), split, place, on_epoch)
        return trained.logits if trained.rows == tested else predict_logits(bundle.load(place), tested)

    return predict


def _check(rows: Sequence[Row], parts: dict[str, list[Row]]) -> None:
    if crossing := manifest.leaks(rows):
        raise DatasetError(f"{len(crossing)} near-duplicate groups cross splits, the first: {crossing[0]}")
    for name in ("train", "validation"):
        manifest.require_both_classes(parts[name], f"split {name}")


def _fit(
    model: keras.Model,
    spec: Preprocessing,
    config: Config,
    parts: dict[str, list[Row]],
    folder: Path,
    listeners: tuple[Progress | None, Step | None],
) -> list[Epoch]:
    batches = Batches(parts["train"], spec, config)
    validation = Batches(parts["validation"], spec, dataclasses.replace(config, augment=False, seed=config.seed + 1))
    model.compile(
        optimizer=keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay),
        loss=keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=config.label_smoothing),
        metrics=[
            keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy"),
            keras.metrics.AUC(from_logits=True, name="auroc"),
        ],
    )
    log = folder / "history.json"
    resumed = (folder / "backup").exists() and log.exists()
    history: list[Epoch] = json.loads(log.read_text()) if resumed else []
    batches.epoch = len(history)
    model.fit(
        batches,
        validation_data=FrozenBatches(validation),
        epochs=config.epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.BackupAndRestore(folder / "backup"),
            Pace(config, history, log, *listeners),
            _Goal(),
            keras.callbacks.EarlyStopping("val_goal", mode="max", patience=config.patience, restore_best_weights=True),
        ],
    )
    return history


class _Goal(keras.callbacks.Callback):  # type: ignore[misc]
    """What the best epoch is best in: AUROC, and of epochs that are alike in it the lower loss."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["val_goal"] = logs["val_auroc"] - 1e-3 * logs["val_loss"]


class FrozenBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """The same batches every epoch, so that validation figures of two epochs can be compared."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = [batches[index] for index in range(len(batches))]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.batches[index]


def encoder_of(config: Config) -> str:
    """The SHA-256 of the encoder file that a transformer starts from, "" for networks without one."""
    if config.architecture != "vit":
        return ""
    if Path(config.start).suffix != encoder_file.SUFFIX:
        raise DetectorError(
            f"vit starts from an encoder file ({encoder_file.SUFFIX}); received {config.start or 'nothing'!r}"
        )
    return encoder_file.digest(Path(config.start))


def code_digest() -> str:
    """The first 12 digits of a SHA-256 over the source of this package: which code trained a bundle."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def card_of(config: Config, spec: Preprocessing, rows: Sequence[Row], history: list[Epoch]) -> Card:
    """A bundle's card as far as it is known before anything is measured."""
    sources = {name: sorted({row.source for row in rows if row.split == name}) for name in manifest.SPLITS}
    counts = {name: sum(row.split == name for row in rows) for name in manifest.SPLITS}
    training: Training = {
        **config.as_dict(),
        "start": Path(config.start).name,
        "epochs_run": len(history),
        "dataset_digest": manifest.digest(rows),
        "images": counts,
        "sources": sources,
        "code": code_digest(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }
    return Card(
        version=config.version,
        sha256="",
        parameters=0,
        encoder=encoder_of(config),
        architecture=config.architecture,
        preprocessing=spec,
        temperature=1.0,
        fake_below=0.5,
        real_above=0.5,
        training=training,
    )
