"""One way to claim work: who holds it, what counts as an attempt, whose turn it is."""

import errno
import os
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage
from django.db import OperationalError, connection
from django.utils import timezone
from PIL import Image as Picture

from aidetect import celery
from classifier.models import (
    Comparison,
    DatasetVersion,
    Image,
    ImportBatch,
    Rescoring,
    State,
    TrainingRun,
    claims,
    holders,
)
from classifier.models.clock import now_everywhere
from classifier.registry import detectors

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]
FULL = OSError(errno.ENOSPC, "No space left on device")


def owner(name):
    return User.objects.get_or_create(username=name, defaults={"email": f"{name}@example.org"})[0]


def waiting(who, name, megapixels=1, **values):
    number = uuid.uuid4()
    sizes = {"width": int(megapixels * 1000), "height": 1000, "size": 1, "format": "JPEG"}
    return Image.objects.create(owner=owner(who), name=name, sha256=number.hex, uuid=number, **sizes, **values)


def next_batch(limit=8):
    return [image.name for image in Image.objects.claim(uuid.uuid4(), limit).order_by("pk")]


def batches(limit=8):
    """Everything that waits, batch by batch; each is done before the next is taken."""
    taken = []
    while names := next_batch(limit):
        taken.append(names)
        Image.objects.filter(state=State.ANALYSING).update(state=State.DONE, claim=None)
    return taken


@pytest.fixture
def dead():
    """The holder that a process was that has ended."""
    code = "from classifier.models import holders; print(holders.myself())"
    setup = "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'aidetect.settings'; django.setup(); "
    return subprocess.run(
        [sys.executable, "-c", setup + code], capture_output=True, text=True, check=True
    ).stdout.strip()


def one_of_each():
    """A waiting row of every kind of work."""
    dataset = DatasetVersion.objects.create(number=1, digest="x")
    run = TrainingRun.objects.create(name="run", dataset=dataset)
    batch = ImportBatch.objects.create(owner=owner("staff"), license="CC0")
    rescoring = Rescoring.objects.create(detector=detectors.active())
    image = waiting("alice", "a.jpg")
    return image, run, batch, rescoring, Comparison.objects.create(image=image)


def claimed(row):
    found = type(row).objects.take([row.pk], uuid.uuid4()).first()
    assert found.holder == holders.myself() and found.attempts == row.attempts + 1
    return found


# --- Who holds it -----------------------------------------------------------------------------------------------------
def test_a_living_process_is_not_gone_and_a_dead_one_is(dead):
    assert not holders.is_gone(holders.myself()) and holders.is_gone(dead)
    where, number, started = holders.myself().rsplit(":", 2)
    assert holders.is_gone(f"{where}:{number}:{int(started) - 1}"), "its number was given to another process"
    assert not holders.is_gone(f"elsewhere:{number}:1"), "of another machine nobody here can tell"
    assert not holders.is_gone("")


def test_a_zombie_is_gone():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = f"{holders.place()}:{child.pid}:{holders._started(child.pid)}"
    assert not holders.is_gone(holder)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert holders.is_gone(holder)
    child.communicate()


def test_whatever_the_dead_held_of_every_kind_waits_again_at_once(dead, monkeypatch):
    monkeypatch.setattr("django.db.connections.close_all", lambda: None)  # the test's own transaction
    rows = [claimed(row) for row in one_of_each()]
    assert celery.release_what_the_dead_held() == 0, "the holder lives"
    for row in rows:
        type(row).objects.update(holder=dead)
    assert claims.release_everything() == len(rows)
    for row in rows:
        assert not row.mine.exists()
        assert claimed(type(row).objects.get(pk=row.pk)).attempts == 2


def test_after_the_last_attempt_a_row_is_given_up_but_a_re_scoring_or_a_comparison_never(dead, settings):
    *others, rescoring, comparison = rows = one_of_each()
    for row in rows:
        claimed(row)
        type(row).objects.update(holder=dead, attempts=settings.MAX_ATTEMPTS)
    claims.release_everything()
    for row in others:
        row.refresh_from_db()
        assert row.state == "failed" and "interrupted several times" in row.error
    assert claimed(Rescoring.objects.get(pk=rescoring.pk))
    assert claimed(Comparison.objects.get(pk=comparison.pk)), "`compare_next` gives it up"


def test_the_parent_gives_back_what_a_lost_child_held_and_wakes_another(dead, wakeups, monkeypatch):
    waiting("alice", "a.jpg")
    Image.objects.claim(uuid.uuid4(), 1)
    Image.objects.update(holder=dead)
    sent = []
    monkeypatch.setattr(celery.app, "send_task", lambda name, **options: sent.append(name))
    monkeypatch.setattr("django.db.connections.close_all", lambda: None)

    class Parent:
        class pool:  # noqa: N801
            info = {"processes": [11, 12]}

    parent = Parent()
    sweep = celery.Sweep(parent)
    sweep.look_after_children()
    assert not sent and Image.objects.get().state == State.ANALYSING
    Parent.pool.info = {"processes": [12, 13]}
    sweep.look_after_children()
    assert sent == ["classifier.sweep"] and Image.objects.get().state == State.WAITING
    sweep.look_after_children()
    assert len(sent) == 1


# --- What counts as an attempt ----------------------------------------------------------------------------------------
def test_what_is_trouble_of_the_machine():
    assert all(
        map(claims.is_trouble, [FULL, PermissionError(errno.EACCES, "x"), OperationalError("database is locked")])
    )
    assert claims.is_trouble(ConnectionResetError()) and claims.is_trouble(TimeoutError())
    truncated = OSError("image file is truncated")  # as Pillow says it
    innocent = [FileNotFoundError(errno.ENOENT, "x"), truncated, ValueError("x"), MemoryError()]
    assert not any(map(claims.is_trouble, [*innocent, Picture.UnidentifiedImageError("x")]))


def test_a_lost_file_is_the_row_s_own_affair_but_a_lost_folder_is_an_unmounted_volume(settings, tmp_path):
    folder = settings.MEDIA_ROOT / "uploads" / "7"

    def reading(path):
        with pytest.raises(FileNotFoundError) as caught:
            path.read_bytes()
        return caught.value

    assert claims.is_trouble(reading(folder / "a")), "nothing is mounted"
    with pytest.raises(OSError, match="is its volume mounted"):
        claims.require_mounted(folder / "a")
    folder.mkdir(parents=True)
    assert not claims.is_trouble(reading(folder / "a"))
    claims.require_mounted(folder / "a")
    assert not claims.is_trouble(reading(tmp_path / "elsewhere" / "a")), "what is no stored file"


def test_rows_given_back_keep_their_attempts_and_wait_longer_each_time():
    for row in one_of_each():
        pauses = []
        for _ in range(9):
            held = claimed(type(row).objects.get(pk=row.pk))
            assert held.mine.give_back() == 1
            row.refresh_from_db()
            pauses.append(round((row.not_before - timezone.now()).total_seconds()))
            assert not type(row).objects.take([row.pk], uuid.uuid4()).exists(), "not at once"
            type(row).objects.update(not_before=timezone.now() - timedelta(seconds=1))
        assert row.attempts == 0 and pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_database_that_is_away_is_asked_again(monkeypatch):
    waiting("alice", "a.jpg")
    rows = Image.objects.claim(uuid.uuid4(), 1)
    real, tries = claims.WorkQuerySet.give_back, []

    def locked_twice(self):
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("database is locked")
        return real(self)

    monkeypatch.setattr(claims.WorkQuerySet, "give_back", locked_twice)
    monkeypatch.setattr(claims, "PATIENCE", (0, 0, 0))

    class Elsewhere:
        in_atomic_block, close = False, staticmethod(lambda: None)

    monkeypatch.setattr(claims, "connection", Elsewhere)
    assert rows.give_back_patiently() == 1 and len(tries) == 3


def test_an_import_waits_for_a_full_disk(staff, monkeypatch):
    from django.core.files.base import ContentFile

    from classifier.labelling import imports
    from tests.pictures import jpeg
    from tests.test_imports import packed

    batch = imports.start(staff, "CC0", archive=ContentFile(packed({f"REAL/x/{n}.jpg": jpeg(n) for n in range(3)})))
    real = FileSystemStorage.save
    monkeypatch.setattr(FileSystemStorage, "save", raising(FULL))
    for _ in range(4):
        assert imports.step() and not imports.step()
        ImportBatch.objects.update(not_before=None)
    batch.refresh_from_db()
    assert (batch.state, batch.attempts, batch.cursor) == ("waiting", 0, 0)
    monkeypatch.setattr(FileSystemStorage, "save", real)
    assert imports.step()
    batch.refresh_from_db()
    assert (batch.state, batch.added) == ("done", 3)


def test_an_import_waits_for_a_volume_that_is_not_mounted_and_for_a_disk_that_fails(staff, monkeypatch, settings):
    from django.core.files.base import ContentFile

    from classifier.labelling import imports
    from tests.pictures import jpeg
    from tests.test_imports import packed

    batch = imports.start(staff, "CC0", archive=ContentFile(packed({f"REAL/x/{n}.jpg": jpeg(n) for n in range(3)})))
    folder = settings.MEDIA_ROOT / "imports"
    folder.rename(settings.MEDIA_ROOT / "elsewhere")
    assert imports.step()
    (settings.MEDIA_ROOT / "elsewhere").rename(folder)
    ImportBatch.objects.update(not_before=None)
    with monkeypatch.context() as patch:
        patch.setattr("zipfile.ZipExtFile.read", raising(OSError(errno.EIO, "Input/output error")))
        assert imports.step()
    batch.refresh_from_db()
    assert (batch.state, batch.attempts, batch.setbacks, batch.cursor) == ("waiting", 0, 2, 0)
    ImportBatch.objects.update(not_before=None)
    assert imports.step()
    batch.refresh_from_db()
    assert (batch.state, batch.added, batch.complaints) == ("done", 3, [])


def raising(error):
    def call(*rest, **options):
        raise error

    return call


# --- Whose turn it is -------------------------------------------------------------------------------------------------
def test_owners_take_turns_within_a_batch():
    for number in range(6):
        waiting("crowd", f"crowd{number}")
    waiting("alice", "alice")
    waiting("bob", "bob")
    assert next_batch(4) == ["crowd0", "crowd1", "alice", "bob"]


def test_who_was_served_longest_ago_comes_first():
    for number in range(3):
        for who in ("alice", "bob", "carol"):
            waiting(who, f"{who}{number}")
    assert [names[0] for names in batches(1)[:7]] == ["alice0", "bob0", "carol0", "alice1", "bob1", "carol1", "alice2"]


def test_the_place_in_the_queue_is_the_one_that_comes_true():
    images = [waiting(who, f"{who}{number}") for who in ("crowd", "alice", "bob") for number in range(3)]
    images += [waiting("alice", "later", background=True), waiting("bob", "tried", attempts=1)]
    Image.objects.filter(name="crowd0").update(state=State.DONE, claimed_at=timezone.now())
    told = {image.name: image.queue_position() for image in images[1:]}
    assert batches(1) == [[name] for name, _ in sorted(told.items(), key=lambda item: item[1])]
    assert sorted(told.values()) == list(range(1, len(told) + 1))


def test_uploads_go_before_background_work_and_share_no_batch_with_it():
    waiting("staff", "old", background=True)
    waiting("staff", "own")
    waiting("alice", "new")
    waiting("bob", "tried", attempts=1)
    assert batches() == [["own", "new"], ["tried"], ["old"]]


def test_a_huge_picture_is_a_batch_of_its_own_and_holds_up_others_one_at_a_time():
    for number in range(3):
        waiting("press", f"huge{number}", megapixels=48)
    waiting("press", "small")
    for number in range(3):
        waiting("alice", f"alice{number}")
    assert batches(2) == [["huge0"], ["small", "alice0"], ["huge1"], ["alice1", "alice2"], ["huge2"]]


def test_of_two_workers_that_saw_the_same_rows_the_second_gets_what_is_left():
    rows = [waiting("alice", name).pk for name in "abc"]
    first = [image.name for image in Image.objects.take(rows, uuid.uuid4(), 2).order_by("pk")]
    second = [image.name for image in Image.objects.take(rows, uuid.uuid4(), 2)]
    assert (first, second) == (["a", "b"], ["c"])
    assert not Image.objects.take(rows, uuid.uuid4(), 2).exists()


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_moment_never_get_the_same_row():
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory, as in tests, refuses a second writer at once instead of letting it wait")
    for number in range(24):
        waiting(f"owner{number % 3}", f"{number}")

    def work(_):
        mine = []
        while names := next_batch(2):
            mine += names
        connection.close()
        return mine

    with ThreadPoolExecutor(3) as pool:
        parts = list(pool.map(work, range(3)))
    assert all(sorted(names) == sorted(set(names)) for names in parts)
    together = [name for names in parts for name in names]
    assert len(together) == len(set(together)) == 24


def test_a_clock_that_goes_back_holds_nothing_up():
    """Rows that were told to wait, and claims that were made, by a clock that was an hour ahead."""
    later = timezone.now() + timedelta(hours=1)
    waits, held = waiting("alice", "a.jpg"), waiting("alice", "b.jpg")
    Image.objects.filter(pk=waits.pk).update(not_before=later)
    claimed(held)
    Image.objects.filter(pk=held.pk).update(claimed_at=later, holder="another/machine:1:1")
    assert Image.objects.release_stale() == 1
    assert sorted(name for batch in batches() for name in batch) == ["a.jpg", "b.jpg"]


def test_a_machine_whose_clock_is_ahead_takes_nobodys_claim(monkeypatch):
    """All go by the clock of the database. SQLite has none of its own, and all its processes are on one machine."""
    if connection.vendor == "sqlite":
        pytest.skip("on PostgreSQL only")
    held = claimed(waiting("alice", "a.jpg"))
    Image.objects.filter(pk=held.pk).update(holder="another/machine:1:1")
    ahead = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: ahead)
    assert Image.objects.release_stale() == 0
    assert abs(now_everywhere() - ahead) > timedelta(minutes=50)
