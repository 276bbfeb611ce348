"""What the site says about itself: to probes in a word, to staff in sentences."""

import errno
from datetime import timedelta

import pytest
from django.utils import timezone

from aidetect import broker
from classifier.models import DatasetVersion, Image, ImportBatch, State, TrainingRun
from classifier.results import status
from tests.test_health import redis  # noqa: F401
from tests.test_history import make

pytestmark = pytest.mark.postgres


def minutes_ago(minutes):
    return timezone.now() - timedelta(minutes=minutes)


def test_the_queue_counts_uploads_and_background_apart_and_knows_the_oldest(alice):
    fresh, background, again, held_up, failed = make(alice, 5, state=State.WAITING)
    Image.objects.filter(pk=fresh.pk).update(created_at=minutes_ago(7))
    Image.objects.filter(pk=background.pk).update(created_at=minutes_ago(90), background=True)
    Image.objects.filter(pk=again.pk).update(created_at=minutes_ago(9000), claimed_at=minutes_ago(8999))
    Image.objects.filter(pk=held_up.pk).update(
        setbacks=2, not_before=timezone.now() + timedelta(minutes=1), claimed_at=minutes_ago(1)
    )
    Image.objects.filter(pk=failed.pk).update(state=State.FAILED, claimed_at=minutes_ago(3), error="It is damaged.")
    queue = status.queue()
    assert (queue.waiting, queue.background, queue.held_up, queue.failed_today) == (3, 1, 1, 1)
    assert timedelta(minutes=7) <= queue.oldest_age < timedelta(minutes=8), "not that of one that is analysed again"


def test_an_empty_queue_has_no_age(db):
    assert status.queue() == status.Queue(0, 0, 0, 0, 0, None) and not status.queue().oldest_age


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device: /secret"), "The disk is full; uploads are not stored."),
        (PermissionError(errno.EACCES, "denied"), "can't be written; uploads are not stored."),
        (ConnectionError("s3.internal"), "Files can't be stored; uploads are not accepted."),
    ],
)
def test_what_a_full_disk_means_is_said_in_words(monkeypatch, error, said):
    def broken():
        raise error

    monkeypatch.setitem(status.CHECKS, "storage", broken)
    part = status.part("storage")
    assert said in part.sentence and "secret" not in part.sentence and part.trouble == f"failed: {type(error).__name__}"


def test_a_disk_says_when_it_is_full_and_before():
    assert status.Disk("uploads", 500_000, 10**12).sentence.startswith("The disk with uploads is full; uploads are not")
    assert "nearly full" in status.Disk("uploads", 90_000_000, 10**9).sentence
    assert not status.Disk("uploads", 10**11, 10**12).sentence


def test_one_disk_is_named_once_whatever_it_holds(settings, tmp_path):
    settings.MEDIA_ROOT, settings.RUN_DIR = tmp_path / "not" / "made" / "yet", tmp_path
    assert sum("uploads and working files" in disk.holds for disk in status.disks()) == 1


def test_failures_of_every_kind_are_listed_the_latest_first(alice):
    [image] = make(alice, 1, state=State.FAILED)
    Image.objects.filter(pk=image.pk).update(claimed_at=minutes_ago(2), error="It is damaged.")
    ended = {"state": "failed", "by": alice}
    batch = ImportBatch.objects.create(owner=alice, error="no zip", finished_at=minutes_ago(3), **ended)
    dataset = DatasetVersion.objects.create(number=1, digest="d")
    TrainingRun.objects.create(name="one", dataset=dataset, error="diverged", finished_at=minutes_ago(1), **ended)
    found = [(failure.kind, failure.error) for failure in status.last_failures()]
    assert found == [("trainingrun", "diverged"), ("image", "It is damaged."), ("importbatch", "no zip")]
    assert status.last_failures()[2].number == batch.pk and len(status.last_failures(2)) == 2


def test_every_trouble_is_said_once_and_an_old_queue_too(redis, detector, alice, monkeypatch):  # noqa: F811
    monkeypatch.setattr(status, "disks", lambda: [])
    redis(keys=[b"aidetect:worker:here:1", "aidetect:worker:there:2"])
    assert broker.workers_seen() == ["here:1", "there:2"]
    make(alice, 1, state=State.WAITING)
    assert status.status().troubles == []
    Image.objects.update(created_at=minutes_ago(12))
    assert status.status().troubles == ["The oldest upload has waited for 12 minutes. Start further workers."]
    redis(error=ConnectionError("no"))
    said = status.status()
    assert said.workers == 0
    assert said.troubles[0].startswith("Redis does not answer.") and "No worker" not in " ".join(said.troubles)
