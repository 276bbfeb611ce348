"""What a network trained end to end is shown: the settings of a run, and its batches."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import cast

import keras
import numpy as np
from PIL import Image, ImageOps

from classifier.detector.data.manifest import ANY_SIZE, Row
from classifier.detector.images.decoding import read_rgb
from classifier.detector.images.preprocessing import Preprocessing, prepare_one, scale_down
from classifier.detector.labels import CLASS_NAMES
from classifier.detector.networks.architectures import THUMBNAIL
from classifier.detector.stats.measured import Training
from classifier.detector.training.augmentation import augment, erase


@dataclasses.dataclass(frozen=True)
class Config:
    """One training run. minutes: a time budget; patience: epochs without a better validation AUROC before
    stopping; the weights of the best epoch are kept. start: a file of weights to begin from, "" for random ones."""

    architecture: str = "patch"
    version: str = "candidate"
    epochs: int = 40
    minutes: float = 60
    batch: int = 32
    learning_rate: float = 1e-3
    label_smoothing: float = 0.05
    weight_decay: float = 1e-4
    augment: bool = True
    patience: int = 10
    seed: int = 0
    start: str = ""

    def as_dict(self) -> Training:
        return cast(Training, dataclasses.asdict(self))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of (batch, size, size, 3) uint8 pixels and (batch, 1) targets, read from disk as they are needed.

    Half of each batch is REAL; within a class a source is drawn with weight √n, so that no large source drowns others.
    Every batch has its own seed: the same epoch twice is the same data, whichever thread reads it.
    """

    def __init__(self, rows: Sequence[Row], spec: Preprocessing, config: Config) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self.spec, self.config, self.epoch = spec, config, 0
        self.steps = max(1, len(rows) // config.batch)
        self.pools = [_by_source([row for row in rows if row.label == name]) for name in CLASS_NAMES]

    def __len__(self) -> int:
        return self.steps

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng((self.config.seed, self.epoch, index))
        targets = np.arange(self.config.batch) % 2
        pixels = np.concatenate([self._draw(self.pools[target], rng) for target in targets])
        return pixels, targets[:, None].astype(np.float32)

    def _draw(self, pool: tuple[list[list[Row]], np.ndarray], rng: np.random.Generator) -> np.ndarray:
        sources, weights = pool
        rows = sources[rng.choice(len(sources), p=weights)]
        row = rows[rng.integers(len(rows))]
        whole = self.spec.view == "whole" or (self.spec.view == "both" and rng.random() < 0.5)
        image = self._picture(row, whole)
        if not self.config.augment:
            return prepare_one(image, self.spec, rng, whole)
        if self.spec.size <= THUMBNAIL:  # degrading 32 pixels leaves nothing to see
            return prepare_one(ImageOps.mirror(image) if rng.random() < 0.5 else image, self.spec, rng, whole)
        pixels = prepare_one(augment(image, rng), self.spec, rng, whole)
        if rng.random() < 0.2:
            erase(pixels[0], rng)
        return pixels

    def _picture(self, row: Row, whole: bool) -> Image.Image:
        """The pixels that serving would see; what the manifest has scaled down already is not scaled again."""
        if not whole:
            return read_rgb(row.path, ANY_SIZE)
        return read_rgb(row.whole, ANY_SIZE) if row.whole else scale_down(read_rgb(row.path, ANY_SIZE))


def _by_source(rows: Sequence[Row]) -> tuple[list[list[Row]], np.ndarray]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.source].append(row)
    weights = np.sqrt([len(group) for group in groups.values()])
    return list(groups.values()), weights / weights.sum()
