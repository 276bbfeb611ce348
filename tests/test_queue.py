"""Rows are the truth: claiming, batches, dead workers, poisonous files, images deleted in mid-task."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from classifier import tasks
from classifier.models import Image, State, Verdict
from classifier.registry import detectors
from classifier.worker import analysis, loop
from tests.pictures import jpeg

pytestmark = [pytest.mark.keras, pytest.mark.postgres]


@pytest.fixture
def three(upload):
    for number in range(3):
        upload((f"{number}.jpg", jpeg(number)))
    return list(Image.objects.order_by("pk"))


def test_a_claim_takes_the_oldest_and_nobody_else_gets_them(three):
    first = Image.objects.claim(uuid.uuid4(), 2)
    second = Image.objects.claim(uuid.uuid4(), 2)
    assert [image.name for image in first.order_by("pk")] == ["0.jpg", "1.jpg"]
    assert [image.name for image in second] == ["2.jpg"]
    assert not Image.objects.claim(uuid.uuid4(), 2)


def test_a_row_that_was_tried_before_is_taken_alone_and_last(three):
    Image.objects.filter(name="0.jpg").update(attempts=1)
    assert len(Image.objects.claim(uuid.uuid4(), 8)) == 2
    Image.objects.filter(name="1.jpg").update(state=State.WAITING)
    assert [image.name for image in Image.objects.claim(uuid.uuid4(), 8)] == ["0.jpg"]


def test_one_batched_forward_pass_gives_every_image_one_verdict(three, monkeypatch):
    from classifier.detector.serving.bundle import LoadedDetector

    detector = detectors.active()
    loop.load(detector)
    calls, real = [], LoadedDetector.see
    monkeypatch.setattr(LoadedDetector, "see", lambda self, images: calls.append(len(images)) or real(self, images))
    assert tasks.classify_pending() == 3
    decided = Verdict.objects.filter(reason__in=["", "unstable"]).count()  # their whole view is looked at once more
    assert calls[0] == 3 and sum(calls[1:]) == decided and len(calls) <= 2
    assert Verdict.objects.count() == 3
    assert set(Image.objects.values_list("state", flat=True)) == {State.DONE}


def test_a_long_queue_is_worked_off_in_portions_with_a_wake_up_for_the_rest(
    three, wakeups, django_capture_on_commit_callbacks
):
    from classifier.worker.loop import classify_waiting

    with django_capture_on_commit_callbacks(execute=True):
        assert classify_waiting(batch_size=2, budget=0) == 2
    assert len(wakeups) == 1 and Image.objects.pending().count() == 1
    assert tasks.LIMIT > 60
    assert classify_waiting(batch_size=2) == 1


def test_a_slow_batch_keeps_all_of_its_claims_alive(three, monkeypatch):
    real, ages = analysis._prepared_or_failed, []

    def slow(image, token, coming):
        Image.objects.update(claimed_at=timezone.now() - timedelta(hours=1))
        ready = real(image, token, coming)
        claims = Image.objects.filter(state=State.ANALYSING).values_list("claimed_at", flat=True)
        ages.append(max(timezone.now() - claimed_at for claimed_at in claims))
        return ready

    monkeypatch.setattr(analysis, "_prepared_or_failed", slow)
    tasks.classify_pending()
    assert len(ages) == 3 and max(ages) < timedelta(minutes=1)


def test_running_twice_changes_nothing(three):
    tasks.classify_pending()
    before = dict(Verdict.objects.values_list("pk", "score"))
    assert tasks.classify_pending() == 0
    Image.objects.update(state=State.WAITING)
    tasks.classify_pending()
    assert dict(Verdict.objects.values_list("pk", "score")) == pytest.approx(before, abs=1e-6)


def test_a_dead_workers_rows_are_given_back_and_classified(three, settings):
    Image.objects.claim(uuid.uuid4(), 8)
    assert tasks.sweep() == 0  # the claim is young: somebody may be at work
    Image.objects.update(claimed_at=timezone.now() - timedelta(seconds=settings.CLAIM_SECONDS + 1))
    assert tasks.sweep() == 3
    assert Verdict.objects.count() == 3


def test_a_file_that_kills_every_worker_fails_after_the_last_attempt(picture, settings):
    for _ in range(settings.MAX_ATTEMPTS):
        assert list(Image.objects.claim(uuid.uuid4(), 8)) == [picture]
        Image.objects.update(claimed_at=timezone.now() - timedelta(hours=1))
        Image.objects.release_stale()
    picture.refresh_from_db()
    assert picture.state == State.FAILED and "interrupted several times" in picture.error


def test_a_late_worker_whose_claim_was_taken_away_writes_nothing(picture, monkeypatch):
    from classifier.detector.serving.bundle import LoadedDetector

    real = LoadedDetector.see

    def slow(self, images):
        Image.objects.update(claim=uuid.uuid4())
        return real(self, images)

    monkeypatch.setattr(LoadedDetector, "see", slow)
    tasks.classify_pending()
    picture.refresh_from_db()
    assert picture.state == State.ANALYSING and not Verdict.objects.exists()


def test_an_image_deleted_in_mid_task_leaves_nothing_behind(
    picture, monkeypatch, settings, django_capture_on_commit_callbacks
):
    from classifier.detector.serving.bundle import LoadedDetector

    real = LoadedDetector.see

    def deleted_meanwhile(self, images):
        with django_capture_on_commit_callbacks(execute=True):
            Image.objects.all().delete()
        return real(self, images)

    monkeypatch.setattr(LoadedDetector, "see", deleted_meanwhile)
    tasks.classify_pending()
    assert not Verdict.objects.exists()
    assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def test_a_missing_file_fails_with_a_sentence_and_the_others_go_on(three):
    three[1].original.storage.delete(three[1].original.name)
    tasks.classify_pending()
    three[1].refresh_from_db()
    assert three[1].state == State.FAILED and "The stored file of this picture is lost" in three[1].error
    assert Verdict.objects.count() == 2


def test_an_unexpected_error_is_logged_and_told_politely(three, monkeypatch, caplog):
    real = analysis.prepare

    def odd(image, loaded):
        if image.name == "1.jpg":
            raise RuntimeError("secret path /etc/x")
        return real(image, loaded)

    monkeypatch.setattr(analysis, "prepare", odd)
    tasks.classify_pending()
    three[1].refresh_from_db()
    assert three[1].error == analysis.UNEXPECTED and "secret" in caplog.text
    assert Verdict.objects.count() == 2


def test_analysing_again_replaces_the_copies(classified, settings):
    old = classified.display.name
    Image.objects.update(state=State.WAITING)
    tasks.classify_pending()
    classified.refresh_from_db()
    assert classified.display.name != old
    assert not classified.display.storage.exists(old)
    assert Verdict.objects.count() == 1


def test_another_detector_takes_over_at_the_next_batch(classified, upload, tmp_path, settings):
    import json
    import shutil

    from classifier.models import Detector
    from classifier.registry import detectors

    first = Detector.objects.get()
    folder = settings.MEDIA_ROOT / "detectors" / "second"
    shutil.copytree(first.folder, folder)
    card = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**card, "version": "second"}))
    detectors.switch_to(detectors.register(folder))
    upload(("new.jpg", jpeg(5)))
    tasks.classify_pending()
    assert Verdict.objects.get(image__name="new.jpg").detector.version == "second"
    assert Detector.objects.filter(active=True).get().version == "second"
