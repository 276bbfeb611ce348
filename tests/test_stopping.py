"""A worker that is told to end finishes what it has in hand and takes nothing else."""

import pytest

from aidetect import stopping
from classifier import tasks
from classifier.models import Image, JobState, State, TrainingRun
from classifier.models.claims import WorkQuerySet
from tests.pictures import jpeg

pytestmark = pytest.mark.keras


@pytest.fixture
def told(monkeypatch):
    """Call it to tell this process that its worker ends."""
    yield stopping.stop
    stopping._flag[0] = 0


def test_the_batch_in_hand_is_finished_and_no_other_is_taken(tiny, upload, settings, told, monkeypatch):
    settings.BATCH_SIZE = 2
    for number in range(5):
        upload((f"{number}.jpg", jpeg(number)))
    real = WorkQuerySet.take
    monkeypatch.setattr(WorkQuerySet, "take", lambda self, *rest: (told(), real(self, *rest))[1])
    assert tasks.classify_pending() == 2
    assert Image.objects.filter(state=State.DONE).count() == 2
    assert Image.objects.filter(state=State.WAITING, attempts=0).count() == 3
    stopping._flag[0] = 0
    monkeypatch.undo()
    assert tasks.classify_pending() == 3


def test_a_training_run_that_is_told_to_stop_waits_for_the_next_worker(tiny, alice, staff, told, monkeypatch):
    from classifier.worker import trainer
    from tests.loop import frozen

    version = frozen(alice, staff, 16)
    run = TrainingRun.objects.create(dataset=version, architecture="cnn32", name="fresh", epochs=1, minutes=1, by=staff)

    def training(config, rows, folder, on_epoch, on_step):
        told()
        on_step(1, 1)

    monkeypatch.setattr(trainer.candidates, "train_rows", training)
    trainer.work()
    run.refresh_from_db()
    assert (run.state, run.attempts, run.error) == (JobState.WAITING, 0, "")
