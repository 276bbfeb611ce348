"""A training run's pace: how much of its epochs and of its budget of time is spent, and the learning rate that belongs
to it. Also tells others how it goes."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from classifier.detector.stats.measured import Epoch
from classifier.detector.training.batches import Config

Progress = Callable[[Epoch], None]
Step = Callable[[int, int], None]
WARM_UP = 0.05
"""The share of a run in which the learning rate rises."""
LOWEST = 0.01
"""The learning rate at the end, relative to its highest."""


def learning_rate(highest: float, spent: float) -> float:
    """After a share `spent` (0 to 1) of the run: a linear rise, then half a cosine (arXiv 1608.03983)."""
    if spent < WARM_UP:
        return highest * spent / WARM_UP
    falling = 0.5 * (1 + np.cos(np.pi * (spent - WARM_UP) / (1 - WARM_UP)))
    return float(highest * (LOWEST + (1 - LOWEST) * falling))


class Pace(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the learning rate of each batch, so that it has fallen when the epochs *or* the minutes are over, whichever
    comes first; stops when the minutes are. Calls on_epoch with the epoch's figures and on_step with the steps done and
    those to expect in the time that is left; keeps the figures in `log`.

    history: of the epochs before a restart, which count: their seconds are spent.
    """

    def __init__(
        self, config: Config, history: list[Epoch], log: Path, on_epoch: Progress | None, on_step: Step | None
    ) -> None:
        super().__init__()
        self.config, self.history, self.log, self.on_epoch, self.on_step = config, history, log, on_epoch, on_step
        self.started = time.monotonic() - float(history[-1].get("seconds", 0) if history else 0)
        self.in_epoch = 0

    @property
    def seconds(self) -> float:
        """How long the run has taken, restarts left out."""
        return time.monotonic() - self.started

    @property
    def done(self) -> int:
        """Batches that were trained on."""
        return len(self.history) * int(self.params["steps"]) + self.in_epoch

    def spent(self) -> float:
        """The share of the run that is over, 0 to 1."""
        by_time = self.seconds / (self.config.minutes * 60) if self.config.minutes > 0 else 1.0
        spent = self.done / (self.config.epochs * int(self.params["steps"]))
        return min(1.0, max(by_time, spent))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate.assign(learning_rate(self.config.learning_rate, self.spent()))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.in_epoch = batch + 1
        spent = self.spent()
        if self.on_step:
            self.on_step(self.done, max(self.done, round(self.done / spent)))
        if spent >= 1:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = {name: round(float(value), 4) for name, value in (logs or {}).items()}
        self.in_epoch = 0
        self.history.append({"epoch": epoch + 1, **figures, "seconds": round(self.seconds, 1)})
        self.log.write_text(json.dumps(self.history))
        if self.on_epoch:
            left = self.seconds * (1 / self.spent() - 1)
            self.on_epoch({**self.history[-1], "epochs": self.config.epochs, "left": round(left)})
