"""What the machine does to the worker is not booked on the picture; what a picture does to the worker is."""

import errno

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import OperationalError
from django.utils import timezone

from classifier import tasks
from classifier.models import Image, Rescoring, State, Verdict, holders
from classifier.registry import detectors
from classifier.worker import analysis, loop, rescoring
from classifier.worker.analysis import LOST
from tests.loop import another
from tests.pictures import jpeg

pytestmark = [pytest.mark.keras, pytest.mark.postgres]
FULL = OSError(errno.ENOSPC, "No space left on device")
LOCKED = OperationalError("database is locked")


@pytest.fixture
def six(tiny, upload):
    for number in range(6):
        upload((f"{number}.jpg", jpeg(number)), consent=True)
    return list(Image.objects.order_by("-pk"))


def failing(real, times, error, when=lambda *rest: True):
    """Raises `error` the first few times."""
    left = [times]

    def call(*rest, **options):
        if left[0] and when(*rest):
            left[0] -= 1
            raise error
        return real(*rest, **options)

    return call


def states():
    return set(Image.objects.values_list("state", "error", "attempts"))


def later():
    for model in (Image, Rescoring):
        model.objects.exclude(not_before=None).update(not_before=timezone.now())


@pytest.mark.parametrize("place", ["_open", "_save"])
def test_a_full_disk_fails_no_picture(six, monkeypatch, place, settings):
    real = getattr(FileSystemStorage, place)

    def full(self, name, *rest):
        if place == "_save":
            real(self, name, *rest)  # and then it is full: what was written in part is removed
        raise FULL

    for _ in range(settings.MAX_ATTEMPTS + 1):
        with monkeypatch.context() as patch:
            patch.setattr(FileSystemStorage, place, full)
            assert tasks.classify_pending() == 0
        assert states() == {(State.WAITING, "", 0)} and not Verdict.objects.exists()
        assert tasks.classify_pending() == 0, "not at once"
        later()
    assert not list(settings.MEDIA_ROOT.glob("derived/*"))
    assert tasks.classify_pending() == 6
    assert Image.objects.filter(state=State.DONE, setbacks=0).count() == Verdict.objects.count() == 6


def test_a_volume_that_is_not_mounted_fails_no_picture(six, settings):
    media = settings.MEDIA_ROOT
    for mounted in ("there", "empty"):
        media.rename(media.parent / mounted)
        if mounted == "empty":
            media.mkdir()
        assert tasks.classify_pending() == 0
        assert states() == {(State.WAITING, "", 0)}
        if mounted == "empty":
            media.rmdir()
        (media.parent / mounted).rename(media)
        later()
    Image.objects.get(name="3.jpg").original.storage.delete(Image.objects.get(name="3.jpg").original.name)
    assert tasks.classify_pending() == 6
    assert set(Image.objects.filter(state=State.FAILED).values_list("name", "error")) == {("3.jpg", LOST)}


@pytest.mark.parametrize("place", ["prepare", "write"])
def test_a_locked_database_fails_no_picture(six, monkeypatch, place, settings):
    monkeypatch.setattr(analysis, place, failing(getattr(analysis, place), 1, LOCKED))
    tasks.classify_pending()
    assert not Image.objects.filter(state=State.FAILED).exists()
    later()
    tasks.classify_pending()
    assert Image.objects.filter(state=State.DONE).count() == Verdict.objects.count() == 6
    assert not Image.objects.filter(attempts__gt=1).exists()
    assert len(list(settings.MEDIA_ROOT.glob("derived/*.jpg"))) == 12


def test_a_disk_that_is_full_for_the_heat_map_costs_only_the_map(six, monkeypatch):
    real = FileSystemStorage._save
    monkeypatch.setattr(FileSystemStorage, "_save", failing(real, 6, FULL, lambda self, name, *rest: "png" in name))
    assert tasks.classify_pending() == 6
    assert set(Image.objects.values_list("state", "heat")) == {(State.DONE, "")}


@pytest.fixture
def promoted(six, detector):
    loop.classify_waiting(8)
    detectors.switch_to(another(detector, "strict", fake_below=0.0, real_above=1.0))
    return six


def step():
    active = detectors.active()
    return rescoring.step(active, loop.load(active))


def by_strict():
    return set(Image.objects.filter(verdict__detector__version="strict").values_list("name", flat=True))


@pytest.mark.parametrize(("place", "error"), [("prepare", FULL), ("write", LOCKED)])
def test_a_re_scoring_waits_for_the_machine(promoted, monkeypatch, place, error, settings):
    real = getattr(rescoring, place)
    for _ in range(settings.MAX_ATTEMPTS + 2):
        monkeypatch.setattr(rescoring, place, failing(real, 1, error))
        assert step() and not step()
        later()
    job = Rescoring.objects.get()
    assert (job.done, job.failed, job.attempts, job.finished_at) == (0, 0, 0, None)
    while step():
        pass
    job.refresh_from_db()
    assert (job.done, job.failed) == (6, 0) and len(by_strict()) == 6 and job.finished_at


@pytest.mark.parametrize("killers", [["3.jpg"], ["5.jpg", "2.jpg"], ["0.jpg"], []])
def test_a_picture_that_kills_re_scorings_worker_is_left_out(promoted, monkeypatch, killers):
    class Killed(BaseException):
        pass

    real, deaths, looked_at = rescoring.prepare, [], []

    def deadly(image, loaded):
        looked_at.append(image.name)
        if image.name in killers:
            raise Killed
        return real(image, loaded)

    monkeypatch.setattr(rescoring, "prepare", deadly)
    going_on = True
    while going_on:
        try:
            going_on = step()
        except Killed:
            deaths.append(looked_at[-1])
            assert len(deaths) < 10, "for ever"
            Rescoring.objects.update(holder=holders.myself().rsplit(":", 1)[0] + ":1")  # a process that is no more
    job = Rescoring.objects.get()
    assert job.finished_at and (job.done, job.failed) == (6, len(killers))
    assert by_strict() == {f"{number}.jpg" for number in range(6)} - set(killers)
    assert all(deaths.count(name) <= 3 for name in killers)
    assert Image.objects.filter(state=State.DONE).count() == 6
