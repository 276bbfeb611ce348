"""After a promotion history is re-scored, behind every upload; nothing is lost, doubled or mixed."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from classifier.models import Image, Rescoring, Verdict
from classifier.registry import detectors
from classifier.worker import analysis, loop, rescoring
from tests.loop import another
from tests.pictures import jpeg

pytestmark = [pytest.mark.keras, pytest.mark.postgres]


@pytest.fixture
def judged(tiny, upload):
    for number in range(6):
        upload((f"{number}.jpg", jpeg(number)), consent=True)
    loop.classify_waiting(8)
    return list(Image.objects.order_by("-pk"))


@pytest.fixture
def strict(tiny, detector):
    """Never decides: every decided verdict of before changes."""
    return another(detector, "strict", fake_below=0.0, real_above=1.0)


def by(version):
    return Image.objects.filter(verdict__detector__version=version).count()


def test_history_is_judged_anew_and_owners_are_told(judged, strict, as_alice):
    decided = [image.pk for image in judged if image.outcome != "INCONCLUSIVE"]
    before = {image.pk: image.outcome for image in judged}
    detectors.switch_to(strict)
    job = Rescoring.objects.get()
    assert (job.total, job.done) == (6, 0)
    assert loop.classify_waiting(8) == 0, "nothing waited; re-scoring is no upload"
    job.refresh_from_db()
    assert (job.done, job.changed, job.failed) == (6, len(decided), 0) and job.finished_at
    assert by("strict") == 6 and Verdict.objects.count() == 12
    for image in Image.objects.all():
        assert image.outcome == "INCONCLUSIVE" and image.heat and image.verdict.detector == strict
        assert image.previous == (before[image.pk] if image.pk in decided else "")


def test_the_page_says_old_and_new(judged, strict, as_alice, alice):
    image = judged[0]
    Image.objects.filter(pk=image.pk).update(outcome="REAL")
    detectors.switch_to(strict)
    loop.classify_waiting(8)
    page = as_alice.get(f"/images/{image.uuid}/").content.decode()
    assert "The verdict changed" in page and "it was “Real photograph”" in page


def test_a_batch_that_takes_long_keeps_its_claim(judged, strict, monkeypatch):
    """Before each picture the claim is as good as new, so no other worker takes it for one of the dead."""
    detectors.switch_to(strict)
    real, stale = rescoring.prepare, []

    def slow(image, loaded):
        stale.append(Rescoring.objects.release_stale())
        Rescoring.objects.update(claimed_at=timezone.now() - timedelta(hours=1))  # as if this one took an hour
        return real(image, loaded)

    monkeypatch.setattr(rescoring, "prepare", slow)
    loop.classify_waiting(8)
    assert stale == [0] * 6 and by("strict") == 6


def test_uploads_go_first(judged, strict, upload, monkeypatch):
    detectors.switch_to(strict)
    order, real = [], rescoring.step
    monkeypatch.setattr(loop.rescoring, "step", lambda *rest: order.append("history") or real(*rest))
    first = analysis.prepare
    monkeypatch.setattr(loop, "analyse", lambda *rest: order.append("upload") or analysis.analyse(*rest))
    monkeypatch.setattr(rescoring, "BATCH", 2)

    def uploads_meanwhile(*rest):
        if order.count("history") == 1 and "late.jpg" not in {i.name for i in Image.objects.all()}:
            upload(("late.jpg", jpeg(77)))
        return first(*rest)

    monkeypatch.setattr(rescoring, "prepare", uploads_meanwhile)
    upload(("new.jpg", jpeg(70)))
    loop.classify_waiting(8)
    assert order[:3] == ["upload", "history", "upload"]
    assert Image.objects.exclude(verdict__detector=strict).count() == 0


def test_a_killed_step_repeats_only_what_was_not_written(judged, strict, monkeypatch):
    detectors.switch_to(strict)
    detector = detectors.active()
    loaded = loop.load(detector)
    monkeypatch.setattr(rescoring, "BATCH", 2)
    assert rescoring.step(detector, loaded)
    real = rescoring.write

    def dies(*rest):
        real(*rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(rescoring, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        rescoring.step(detector, loaded)
    monkeypatch.setattr(rescoring, "write", real)
    job = Rescoring.objects.get()
    assert (job.done, by("strict")) == (2, 2)
    assert not rescoring.step(detector, loaded), "the claim of the dead stands for CLAIM_SECONDS"
    Rescoring.objects.update(claimed_at=timezone.now() - timezone.timedelta(minutes=5))
    while rescoring.step(detector, loaded):
        pass
    job.refresh_from_db()
    assert (job.done, by("strict"), Verdict.objects.filter(detector=strict).count()) == (6, 6, 6)


def test_a_file_that_is_gone_keeps_its_verdict_and_holds_up_nobody(judged, strict, caplog):
    judged[2].original.storage.delete(judged[2].original.name)
    detectors.switch_to(strict)
    loop.classify_waiting(8)
    job = Rescoring.objects.get()
    assert (job.done, job.failed) == (6, 1) and by("strict") == 5
    image = Image.objects.get(pk=judged[2].pk)
    assert image.state == "done" and image.outcome == judged[2].outcome


def test_a_newer_promotion_takes_over_and_a_roll_back_restores(judged, strict, detector):
    before = {image.pk: image.outcome for image in judged}
    detectors.switch_to(strict)
    detectors.switch_to(detector, rollback=True)
    assert Rescoring.objects.count() == 1, "every verdict is this detector's still"
    loop.classify_waiting(8)
    assert Rescoring.objects.get().finished_at and by("strict") == 0
    detectors.switch_to(strict)
    loop.classify_waiting(8)
    detectors.switch_to(detector, rollback=True)
    loop.classify_waiting(8)
    assert {image.pk: image.outcome for image in Image.objects.all()} == before
    assert Verdict.objects.count() == 12


def test_an_image_sent_to_analysis_or_deleted_meanwhile_is_left_alone(judged, strict, monkeypatch):
    detectors.switch_to(strict)
    real = rescoring.judge

    def meanwhile(*rest):
        Image.objects.filter(pk=judged[0].pk).update(state="waiting")
        Image.objects.filter(pk=judged[1].pk).delete()
        return real(*rest)

    monkeypatch.setattr(rescoring, "judge", meanwhile)
    detector = detectors.active()
    rescoring.step(detector, loop.load(detector))
    waiting = Image.objects.get(pk=judged[0].pk)
    assert waiting.state == "waiting" and waiting.verdict.detector.version != "strict"


def test_the_command_and_the_setting(judged, strict, settings, capsys):
    settings.RESCORE_HISTORY = False
    detectors.switch_to(strict)
    assert not Rescoring.objects.exists()
    call_command("rescore")
    assert "6 images will be re-scored by strict" in capsys.readouterr().out
    call_command("rescore", "--now")
    assert "6 re-scored by strict" in capsys.readouterr().out and by("strict") == 6
    call_command("rescore")
    assert "Every verdict is strict's already." in capsys.readouterr().out
