"""Training runs: asked for in the administration, done by the trainer, watched, cancelled, resumed."""

import errno

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from classifier import tasks
from classifier.detector.networks import architectures
from classifier.learning import gate, runs, versions
from classifier.models import Architecture, Detector, Image, JobState, Measurement, TrainingRun
from classifier.worker import trainer
from tests.conftest import person
from tests.loop import frozen, label_pictures

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("eager")]
ADD = "/admin/classifier/trainingrun/add/"
SMALL = {"architecture": "cnn32", "start": "scratch", "epochs": 2, "minutes": 5, "seed": 0}


@pytest.fixture
def version(tiny, alice, staff):
    return frozen(alice, staff)


def ask(version, name="mine", **changed):
    return runs.start_training(TrainingRun(name=name, dataset=version, **{**SMALL, **changed}), None)


def test_the_choices_are_the_networks_that_there_are():
    assert set(Architecture.values) == set(architectures.ARCHITECTURES)
    assert {str(name) for name in runs.APPLICATIONS} == set(architectures.APPLICATIONS)


def test_a_run_from_the_form_to_a_measured_candidate(
    as_staff, staff, version, wakeups, django_capture_on_commit_callbacks
):
    assert version.pk == as_staff.get(ADD).context["adminform"].form.initial["dataset"]
    with django_capture_on_commit_callbacks(execute=True):
        page = as_staff.post(ADD, {**SMALL, "name": "mine", "dataset": version.pk}, follow=True)
    assert len(wakeups) >= 1 and "It starts as soon as the training worker is free." in page.content.decode()
    assert tasks.train_waiting() == 1
    run = TrainingRun.objects.get()
    assert (run.state, run.error, len(run.history), run.by) == ("done", "", 2, staff)
    detector = run.detector
    assert detector.card["training"]["dataset_digest"] == version.digest and detector.card["training"]["code"]
    for one in (detector, Detector.objects.active()):
        row = gate.measured(one, version)
        assert row.report["n"] == len(row.scores) == sum(version.summary["splits"]["test"].values())
        assert set(row.report["tiers"]) >= {"clean", "web", "hard"} and row.report["milliseconds"] > 0
    page = as_staff.get(f"/admin/classifier/trainingrun/{run.pk}/change/").content.decode()
    assert "<polyline" in page and "Compare and promote" in page and "hx-get" not in page
    page = as_staff.get(f"/admin/classifier/detector/{detector.pk}/change/").content.decode()
    for words in (
        "What each threshold costs",
        "By source",
        "Degraded copies",
        "Confusion matrix",
        "Reliability",
        "dataset 1",
    ):
        assert words in page, words
    assert not (detector.folder / "backup").exists()


@pytest.mark.postgres
def test_the_same_again_is_nothing_new_and_other_choices_must_fit(as_staff, version, alice, staff, detector):
    ask(version)
    for changed, sentence in (
        ({"name": "again"}, "Nothing new to learn: mine has the same images and the same settings"),
        ({"name": "mine"}, "Training run with this Name already exists"),
        ({"name": "../x"}, "Letters, digits, dots and dashes, please."),
        ({"name": "b", "start": "imagenet"}, "ImageNet weights are there for"),
        ({"name": "b", "architecture": "patch", "start": "active"}, "only a run of the same can start from it"),
        ({"name": "b", "epochs": 0}, "greater than or equal to 1"),
        ({"name": detector.version}, "exists already"),
    ):
        page = as_staff.post(ADD, {**SMALL, "name": "x", "dataset": version.pk, **changed})
        assert page.status_code == 200 and sentence in page.content.decode(), changed
    assert TrainingRun.objects.count() == 1
    label_pictures(alice, staff, 40, 2)
    assert ask(versions.freeze(staff), "more").pk, "more images are something new"
    assert ask(version, "other-seed", seed=1).pk
    TrainingRun.objects.filter(name="mine").update(state=JobState.FAILED)
    assert ask(version, "retry").pk, "what failed was not learnt"


def test_progress_is_polled_and_only_news_is_sent(as_staff, version):
    run = ask(version)
    url = f"/admin/classifier/trainingrun/{run.pk}/status/"
    seen = as_staff.get(url).context["seen"]
    assert as_staff.get(url, {"seen": seen}).status_code == 204
    claimed = TrainingRun.objects.claim_next()
    listener = trainer.Listener(claimed, "training")
    listener.step(30, 100)
    listener.epoch(
        {"epoch": 1, "loss": 0.7, "accuracy": 0.5, "val_loss": 0.6, "val_accuracy": 0.6, "epochs": 2, "seconds": 3}
    )
    page = as_staff.get(url, {"seen": seen}).content.decode()
    assert "30 of 100 steps" in page and "Epoch 1 of at most 2" in page and "left" in page
    assert "validation images 0.600" in page, "the curve says its last figures to screen readers"


def test_a_cancelled_run_stops_at_its_next_step(as_staff, version, monkeypatch):
    run = ask(version, epochs=1000)
    real = trainer.Listener.step

    def step(self, done, total):
        if done == 2:
            as_staff.post(f"/admin/classifier/trainingrun/{run.pk}/cancel/")
        self.last = 0
        real(self, done, total)

    monkeypatch.setattr(trainer.Listener, "step", step)
    assert trainer.work() == 1
    run.refresh_from_db()
    assert run.state == "cancelled" and run.finished_at and not Detector.objects.filter(version="mine").exists()
    assert not runs.cancel(run)
    assert "Try again" in as_staff.get(f"/admin/classifier/trainingrun/{run.pk}/change/").content.decode()


@pytest.mark.postgres
def test_a_run_whose_worker_died_goes_on_from_its_last_epoch(version, monkeypatch):
    run = ask(version, epochs=3)

    class Killed(BaseException):
        pass

    def dies(self, figures):
        real(self, figures)
        if figures["epoch"] == 2:
            raise Killed

    real = trainer.Listener.epoch
    monkeypatch.setattr(trainer.Listener, "epoch", dies)
    with pytest.raises(Killed):
        trainer.work()
    monkeypatch.setattr(trainer.Listener, "epoch", real)
    assert trainer.work() == 0, "the claim of the dead stands for CLAIM_SECONDS"
    TrainingRun.objects.update(claimed_at=timezone.now() - timezone.timedelta(minutes=5))
    assert trainer.work() == 1
    run.refresh_from_db()
    assert [entry["epoch"] for entry in run.history] == [1, 2, 3] and run.attempts == 2 and run.state == "done"


def test_a_run_goes_on_from_the_active_detector(version, detector):
    run = ask(version, start="active", epochs=1)
    assert run.started_from == "tiny" and trainer.work() == 1
    run.refresh_from_db()
    assert run.state == "done" and run.detector.card["training"]["start"] == "model.keras"


def test_killed_after_training_nothing_is_trained_again(version, monkeypatch):
    run = ask(version)
    trainer.work()
    Detector.objects.filter(version="mine").delete()
    TrainingRun.objects.update(state=JobState.WAITING, detector=None)
    monkeypatch.setattr("classifier.worker.candidates.train", None)  # would be called to train again
    assert trainer.work() == 1
    run.refresh_from_db()
    assert run.state == "done" and run.detector.version == "mine"


def test_what_can_not_be_trained_fails_with_a_sentence(version, as_staff):
    images = Image.objects.filter(label="REAL")
    for image in images:
        image.original.delete(save=False)
    run = ask(version)
    assert trainer.work() == 1
    run.refresh_from_db()
    assert run.state == "failed" and "found no REAL" in run.error
    assert run.error.split(":")[0] in as_staff.get(f"/admin/classifier/trainingrun/{run.pk}/change/").content.decode()


def test_an_unexpected_error_is_logged_and_told_without_its_insides(version, monkeypatch, caplog):
    run = ask(version)
    monkeypatch.setattr("classifier.worker.candidates.train_rows", lambda *rest: 1 / 0)
    trainer.work()
    run.refresh_from_db()
    assert run.state == "failed" and run.error == trainer.UNEXPECTED and "ZeroDivisionError" in caplog.text


@pytest.mark.postgres
def test_a_full_disk_fails_no_training_run(version, monkeypatch, settings):
    run = ask(version)

    def full(*rest):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("classifier.worker.candidates.train_rows", full)
        for _ in range(settings.MAX_ATTEMPTS + 1):
            assert trainer.work() == 1 and trainer.work() == 0, "not at once"
            TrainingRun.objects.update(not_before=None)
    run.refresh_from_db()
    assert (run.state, run.attempts, run.error) == ("waiting", 0, "")


@pytest.mark.postgres
def test_after_several_dead_workers_a_run_fails(version, settings):
    run = ask(version)
    for _ in range(settings.MAX_ATTEMPTS):
        assert TrainingRun.objects.claim_next()
        TrainingRun.objects.update(claimed_at=timezone.now() - timezone.timedelta(minutes=5))
    assert TrainingRun.objects.claim_next() is None
    run.refresh_from_db()
    assert run.state == "failed" and "interrupted several times" in run.error


def test_nothing_heavy_is_loaded_while_nothing_waits(db, monkeypatch):
    import builtins

    real, names = builtins.__import__, []
    monkeypatch.setattr(builtins, "__import__", lambda name, *rest: names.append(name) or real(name, *rest))
    assert tasks.train_waiting() == 0
    assert "classifier.worker.trainer" not in names


def test_fusion_needs_no_start_and_an_image_that_was_deleted_is_left_out(small_fusion, tiny, alice, staff, monkeypatch):
    version = frozen(alice, staff, 16)
    Image.objects.filter(label="REAL").first().delete()
    monkeypatch.setattr(trainer, "TIER_IMAGES", 1)
    run = ask(version, architecture="fusion", name="fused")
    assert trainer.work() == 1
    run.refresh_from_db()
    assert (run.state, run.error) == ("done", "")
    measured = Measurement.objects.get(detector=run.detector)
    assert sum(run.detector.card["training"]["images"].values()) in (15, 16)
    assert measured.report["n"] + measured.report["missing"] == sum(version.summary["splits"]["test"].values())


def test_who_may_what(version, sign_in, as_alice, django_user_model):
    run = ask(version)
    page, cancel = f"/admin/classifier/trainingrun/{run.pk}/change/", f"/admin/classifier/trainingrun/{run.pk}/cancel/"
    assert as_alice.get(page).status_code == 302
    looker = person("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_trainingrun"))
    client = sign_in(looker)
    assert client.get(page).status_code == 200 and client.get(ADD).status_code == 403
    assert client.post(cancel).status_code == 403 and client.get(cancel).status_code == 403
    nobody = sign_in(person("newcomer", is_staff=True))
    assert nobody.get(f"/admin/classifier/trainingrun/{run.pk}/status/").status_code == 403
    run.refresh_from_db()
    assert run.state == JobState.WAITING, "nobody who may not has cancelled it"
