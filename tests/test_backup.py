"""Everything into one file and out again: the same rows and files, on the other database, too; all of it or nothing."""

import io
import itertools
import json
import os
import subprocess
import sys
import tarfile

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import CommandError

from classifier.models import Dispute, Evidence, Image, Label, Verdict
from classifier.operations import backing_up, plain_rows, restoring
from tests import factories, postgres
from tests.pictures import jpeg
from tests.test_layers import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


def filled(alice, staff):
    """Something in most tables, with what databases treat differently."""
    image = factories.judged(factories.submitted(alice, "Žluťoučký kůň 📷.jpg", jpeg(), consent=True))
    factories.submitted(alice, "waiting.jpg", jpeg(1))
    Evidence.objects.create(image=image, kind="exif", strength="hints", direction="", summary="ä", details={"n": [1.5]})
    Label.objects.create(image=image, by=staff, new="FAKE", reason="seen by 'experts'\n\ttwice")
    Dispute.objects.create(image=image, claim="REAL", how="I was there", category="ordinary")
    group = Group.objects.create(name="reviewers")
    group.permissions.add(Permission.objects.get(codename="change_image"))
    staff.groups.add(group)
    default_storage.save("datasets/1.csv", ContentFile(f"path\n{default_storage.path(image.original.name)}\n".encode()))
    default_storage.save("detectors/mine/bundle.json", ContentFile(b"{}"))
    default_storage.save("features/cached.npy", ContentFile(b"can be made again"))
    return image


def everything():
    return {model._meta.label_lower: list(plain_rows.written(model)) for model in plain_rows.tables()}


def files():
    found = {}
    for name in backing_up.below(default_storage, ""):
        with default_storage.open(name) as file:
            found[name] = file.read()
    return found


def written():
    out = io.BytesIO()
    end = backing_up.write(out)
    out.seek(0)
    return out, end


@pytest.fixture
def emptied(settings, tmp_path):
    """Call it to stand in an empty installation with another folder for uploads."""

    def empty():
        call_command("flush", interactive=False, verbosity=0)
        settings.MEDIA_ROOT = tmp_path / "elsewhere"

    return empty


@pytest.mark.postgres
def test_a_round_trip_brings_every_row_and_file_back(alice, staff, emptied):
    image = filled(alice, staff)
    rows, stored, old_root = everything(), files(), default_storage.path("")
    backup, end = written()
    assert end["missing"] == [] and end["files"] == 5 + 2
    emptied()
    assert Image.objects.count() == 0
    restoring.restore(backup)
    assert everything() == rows
    back = files()
    assert back.pop("datasets/1.csv") == stored.pop("datasets/1.csv").replace(
        str(old_root).encode().rstrip(b"/"), str(default_storage.path("")).encode().rstrip(b"/")
    )
    stored.pop("features/cached.npy")
    assert back == stored
    assert Image.objects.get(pk=image.pk).owner.groups.count() == 0 and Group.objects.get().permissions.count() == 1
    fresh = factories.submitted(Image.objects.get(pk=image.pk).owner, "new.jpg", jpeg(2))
    assert fresh.pk > Image.objects.exclude(pk=fresh.pk).latest("pk").pk


def test_many_rows_are_written_in_parts(alice, staff, emptied, monkeypatch):
    monkeypatch.setattr(backing_up, "PART", 200)
    filled(alice, staff)
    rows = everything()
    backup, _ = written()
    with tarfile.open(fileobj=backup) as tar:
        assert "rows/classifier.image/000001.jsonl" in tar.getnames()
    backup.seek(0)
    emptied()
    restoring.restore(backup)
    assert everything() == rows


def test_an_image_deleted_while_the_backup_runs_stays_deleted(alice, staff, emptied):
    image = filled(alice, staff)
    default_storage.delete(image.original.name)
    other = Image.objects.get(name="waiting.jpg")
    Image.objects.filter(pk=other.pk).update(heat="derived/never-was.png")
    backup, end = written()
    assert set(end["missing"]) == {image.original.name, "derived/never-was.png"}
    emptied()
    restoring.restore(backup)
    assert Image.objects.get().name == "waiting.jpg" and not Image.objects.get().heat


def test_what_is_not_empty_is_left_alone(alice, staff):
    filled(alice, staff)
    backup, _ = written()
    before = everything()
    with pytest.raises(restoring.RestoreError, match=r"expected an empty installation, found .*2 users"):
        restoring.restore(backup)
    assert everything() == before


def damaged(backup, how):
    data = bytearray(backup.getvalue())
    if how == "cut off":
        return io.BytesIO(data[: len(data) // 2])
    if how == "changed":
        at = data.index(b"\xff\xd8\xff") + 30
        data[at] ^= 1
    return io.BytesIO(data if how == "changed" else b"no archive at all" * 100)


@pytest.mark.parametrize("how", ["cut off", "changed", "nonsense"])
def test_a_damaged_backup_changes_nothing(alice, staff, emptied, how):
    filled(alice, staff)
    backup, _ = written()
    emptied()
    for act in (restoring.check, restoring.restore):
        with pytest.raises(restoring.RestoreError):
            act(damaged(backup, how))
    assert plain_rows.occupied() == [] and files() == {}


def test_a_backup_of_another_version_is_refused_with_what_to_do(alice, staff, emptied, monkeypatch):
    filled(alice, staff)
    real = backing_up.migrations_applied()
    monkeypatch.setattr(backing_up, "migrations_applied", lambda: [*real, "classifier.0999_future"])
    backup, _ = written()
    emptied()
    with pytest.raises(restoring.RestoreError, match=r"missing here: classifier\.0999_future"):
        restoring.restore(backup)


def test_the_commands(alice, staff, emptied, tmp_path, capsys):
    filled(alice, staff)
    path = tmp_path / "all.tar"
    call_command("backup", str(path))
    assert path.stat().st_mode & 0o777 == 0o600 and not list(tmp_path.glob("*.partial"))
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", str(path))
    call_command("restore", str(path), check=True)
    assert "complete" in capsys.readouterr().out
    emptied()
    call_command("restore", str(path))
    assert "are back" in capsys.readouterr().out and Verdict.objects.count() == 1
    with pytest.raises(CommandError, match="No such file"):
        call_command("restore", str(tmp_path / "none.tar"))


FILL = """
from django.contrib.auth.models import User
from classifier.models import Evidence, Image
from classifier.registry import detectors
from tests import factories, test_backup
detectors.install_shipped()
alice = User.objects.create_user("alice", "a@example.org", "alice-password-1")
staff = User.objects.create_user("staff", "s@example.org", "staff-password-1", is_staff=True)
test_backup.filled(alice, staff)
"""
SAY = """
import json
from tests import test_backup
rows = test_backup.everything()  # parsed: PostgreSQL keeps the keys of JSON in an order of its own
print(json.dumps({table: [json.loads(line) for line in lines] for table, lines in rows.items()}))
"""


def manage(folder, database, *arguments):
    places = {"DATABASE_URL": database, "MEDIA_ROOT": str(folder / "media"), "RUN_DIR": str(folder / "run")}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **places}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.stack
def test_from_sqlite_to_postgresql_and_back(tmp_path):
    with postgres.server() as address:
        places = [
            (tmp_path / "one", f"sqlite:///{tmp_path}/one.sqlite3"),
            (tmp_path / "two", address),
            (tmp_path / "three", f"sqlite:///{tmp_path}/three.sqlite3"),
        ]
        manage(*places[0], "migrate", "--verbosity", "0")
        manage(*places[0], "shell", "--no-imports", "-c", FILL)
        for number, (source, target) in enumerate(itertools.pairwise(places)):
            manage(*source, "backup", str(tmp_path / f"{number}.tar"))
            manage(*target, "restore", str(tmp_path / f"{number}.tar"))
        first, second, third = (json.loads(manage(*place, "shell", "--no-imports", "-c", SAY)) for place in places)
    assert len(first["classifier.image"]) == 2 and first == second == third
    tree = [{p.relative_to(folder / "media") for p in (folder / "media").rglob("*.*")} for folder, _ in places]
    assert len(tree[1]) > 3 and tree[1] == tree[2]
