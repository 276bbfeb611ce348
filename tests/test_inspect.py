"""POST /api/v1/inspect: evidence and verdict of a picture that is not kept."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.api import waiting
from classifier.intake import inspecting
from classifier.models import Image, Inspection, JobState, Scope
from tests.api import Caller, problem
from tests.pictures import jpeg
from tests.test_layers import ROOT

ANSWER = {
    "outcome": "FAKE",
    "decided_by": "c2pa",
    "evidence": [{"kind": "c2pa", "strength": "proves", "direction": "AI", "summary": "Signed.", "details": {}}],
    "network": {
        "outcome": "REAL", "score": 0.8, "fake_below": 0.3, "real_above": 0.7, "reason": None, "stability": {},
        "experience": None, "detector": "vit", "analysed": "2026-11-25T08:00:00+00:00",
    },
}  # fmt: skip


@pytest.fixture
def calls(alice):
    return Caller(alice, Scope.READ)


@pytest.fixture
def files(settings):
    return lambda: [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


@pytest.fixture
def worker(monkeypatch):
    """What a worker does while the caller waits: worker(state=…, …) sets values of the row."""

    def works(**values):
        monkeypatch.setattr(waiting.time, "sleep", lambda _: Inspection.objects.update(**values))

    return works


def inspect(calls, content=None, name="a.jpg"):
    return calls.upload((name, content or jpeg()), path="inspect", field="image")


def test_evidence_and_verdict_and_nothing_is_kept(calls, worker, wakeups, files, django_capture_on_commit_callbacks):
    worker(state=JobState.DONE, answer=ANSWER)
    with django_capture_on_commit_callbacks(execute=True):
        response = inspect(calls)
    said = response.json()
    assert response.status_code == 200 and wakeups
    assert said["outcome"] == "FAKE" and said["decided_by"] == "c2pa" and said["network"]["outcome"] == "REAL"
    assert said["evidence"][0]["strength"] == "proves" and said["width"] == 96 and len(said["sha256"]) == 64
    assert not Inspection.objects.exists() and not Image.objects.exists() and not files()


def test_a_picture_that_a_worker_cannot_read(calls, worker):
    worker(state=JobState.FAILED, error="This picture can't be analysed: odd.")
    assert "odd" in problem(inspect(calls), 422, "refused")["detail"]
    assert not Inspection.objects.exists()


def test_what_the_upload_refuses_is_refused(calls):
    problem(inspect(calls, b"nothing"), 415, "refused")
    problem(calls.post("inspect"), 422, "invalid")
    two = [("a.jpg", jpeg(1)), ("b.jpg", jpeg(2))]
    problem(calls.upload(*two, path="inspect", field="image"), 422, "invalid")


def test_no_worker_answers(calls, monkeypatch, files, django_capture_on_commit_callbacks):
    monkeypatch.setattr(inspecting, "SECONDS", 0)
    with django_capture_on_commit_callbacks(execute=True):
        response = inspect(calls)
    problem(response, 503, "no-answer")
    assert response["Retry-After"] and not Inspection.objects.exists() and not files()


def test_too_many_wait(calls, monkeypatch, alice):
    monkeypatch.setattr(waiting, "_slots", threading.BoundedSemaphore(1))
    with waiting.slot():
        problem(inspect(calls), 503, "busy")
    Inspection.objects.bulk_create(Inspection(by=alice, file="x") for _ in range(inspecting.MOST))
    problem(inspect(calls), 503, "busy")


def test_what_was_left_behind_is_deleted(alice, files, django_capture_on_commit_callbacks):
    from django.core.files.base import ContentFile

    from classifier.detector.images.decoding import Header
    from classifier.intake.submitting import CheckedFile

    inspecting.begin(alice, CheckedFile(ContentFile(jpeg()), "a.jpg", Header("JPEG", 96, 80)))
    assert len(files()) == 1 and inspecting.delete_left_over() == 0
    Inspection.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    with django_capture_on_commit_callbacks(execute=True):
        assert inspecting.delete_left_over() == 1
    assert not files()


@pytest.mark.keras
def test_a_worker_looks_at_it_as_at_an_upload(calls, alice, tiny, monkeypatch):
    from classifier.worker.loop import classify_waiting

    monkeypatch.setattr(waiting.time, "sleep", lambda _: classify_waiting(8))
    generated = ROOT.parent / "shared" / "data" / "metadata" / "c2pa_ai"
    path = next(iter(sorted(generated.glob("*.png"))), None)
    said = inspect(calls, path.read_bytes() if path else None, "a.png").json()
    assert said["network"]["detector"] == "tiny" and 0 <= said["network"]["score"] <= 1
    if path:
        assert said["outcome"] == "FAKE" and said["decided_by"] == "c2pa"


@pytest.mark.keras
def test_a_file_that_breaks_in_the_worker_gets_a_sentence(calls, alice, tiny, monkeypatch):
    from classifier.worker import inspections
    from classifier.worker.loop import classify_waiting

    monkeypatch.setattr(waiting.time, "sleep", lambda _: classify_waiting(8))
    monkeypatch.setattr(inspections, "examine", lambda *_: 1 / 0)
    assert "on our side" in problem(inspect(calls), 422, "refused")["detail"]
