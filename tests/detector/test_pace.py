"""The learning rate and the estimates of a training run that has a budget of time."""

from types import SimpleNamespace

import pytest

from classifier.detector.training import pace
from classifier.detector.training.batches import Config
from classifier.management.progress import epoch_line

pytestmark = pytest.mark.keras


class Rate:
    def __init__(self):
        self.seen = []

    def assign(self, value):
        self.seen.append(value)


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(pace.time, "monotonic", lambda: now.seconds)
    return now


def run(clock, tmp_path, *, epochs, minutes, seconds_a_step, steps=10, history=()):
    """As Keras calls it, without a network: (the pace, learning rates, steps as told)."""
    told, rate = [], Rate()
    config = Config(epochs=epochs, minutes=minutes, learning_rate=1.0)
    callback = pace.Pace(config, list(history), tmp_path / "log", None, lambda *step: told.append(step))
    callback.set_params({"steps": steps})
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=rate), stop_training=False))
    for epoch in range(len(history), epochs):
        for batch in range(steps):
            callback.on_train_batch_begin(batch)
            clock.seconds += seconds_a_step
            callback.on_train_batch_end(batch)
            if callback.model.stop_training:
                break
        callback.on_epoch_end(epoch, {"loss": 0.5})
        if callback.model.stop_training:
            break
    return callback, rate.seen, told


def test_the_learning_rate_falls_within_the_minutes_however_many_epochs_were_asked_for(clock, tmp_path):
    callback, rates, _ = run(clock, tmp_path, epochs=40, minutes=1, seconds_a_step=1)
    assert len(rates) == 60  # of 400
    assert max(rates) > 0.99
    assert rates[-1] < 0.02
    assert callback.model.stop_training


def test_it_falls_within_the_epochs_when_there_is_time(clock, tmp_path):
    _, rates, told = run(clock, tmp_path, epochs=4, minutes=60, seconds_a_step=1)
    assert len(rates) == 40
    assert rates[-1] < 0.02
    assert told[-1] == (40, 40)


def test_the_steps_to_expect_respect_the_budget(clock, tmp_path):
    _, _, told = run(clock, tmp_path, epochs=40, minutes=1, seconds_a_step=1)
    assert {total for _, total in told} == {60}


def test_a_restart_goes_on_with_the_time_that_was_spent(clock, tmp_path):
    history = [{"epoch": 1, "seconds": 50.0}]
    _, rates, _ = run(clock, tmp_path, epochs=40, minutes=1, seconds_a_step=1, history=history)
    assert len(rates) == 10
    assert rates[0] < 0.1


def test_an_epoch_in_words_names_the_time_that_is_left_of_the_budget():
    told = {"epoch": 6, "epochs": 40, "loss": 0.2, "accuracy": 0.9, "val_loss": 0.2, "val_auroc": 0.98, "left": 600}
    assert "at most 10 min left" in epoch_line(told)
