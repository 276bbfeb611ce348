"""What is wrong is said with what to do about it; files and rows that lost each other are found and mended."""

import os
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from classifier.models import Image, State
from classifier.operations import checkup, orphans
from classifier.operations.checkup import Level
from classifier.results import status
from tests import factories
from tests.pictures import jpeg


@pytest.fixture(autouse=True)
def all_parts_work(monkeypatch, db):
    for name in status.CHECKS:
        monkeypatch.setitem(status.CHECKS, name, lambda: "")


def said(level=None):
    return [f"{one.about}: {one.sentence}" for one in checkup.examine() if level in (None, one.level)]


def test_a_fresh_installation_has_no_problem(capsys, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    call_command("doctor")
    out = capsys.readouterr().out
    for about in ("settings", "database", "redis", "storage", "worker", "migrations", "shipped files", "trust list"):
        assert f"ok       {about}: " in out
    assert "problem" not in out


def test_a_part_that_fails_is_a_problem_with_what_to_do_and_an_exit_status(monkeypatch, capsys):
    monkeypatch.setitem(status.CHECKS, "worker", lambda: "no worker was seen in the last 60 seconds")
    with pytest.raises(CommandError, match="1 problem") as error:
        call_command("doctor")
    assert error.value.returncode == 1
    assert "problem  worker: no worker was seen" in capsys.readouterr().out


def test_settings_of_a_public_site_are_looked_at(settings):
    settings.ALLOWED_HOSTS, settings.DEBUG = ["news.example.org"], True
    settings.SECRET_KEY, settings.EMAIL_BACKEND = "short", "django.core.mail.backends.console.EmailBackend"
    assert any("DEBUG=false" in sentence for sentence in said(Level.PROBLEM))
    warned = " ".join(said(Level.WARNING))
    assert "HTTPS=true" in warned and "EMAIL_URL" in warned and "SECRET_KEY" in warned


def test_a_missing_migration_is_named(monkeypatch):
    from django.db.migrations.executor import MigrationExecutor

    class Migration:
        app_label, name = "classifier", "0999_future"

    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: [(Migration, False)])
    assert any("classifier.0999_future. Run manage.py migrate" in sentence for sentence in said(Level.PROBLEM))


def test_a_shipped_file_that_changed_is_noticed(settings, tmp_path):
    for folder in Path(settings.SHIPPED_DETECTORS).glob("*/"):
        if (folder / "bundle.json").is_file():
            (tmp_path / folder.name).mkdir()
            (tmp_path / folder.name / "bundle.json").write_bytes((folder / "bundle.json").read_bytes())
            (tmp_path / folder.name / "model.keras").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    settings.SHIPPED_DETECTORS = tmp_path
    problems = [sentence for sentence in said(Level.PROBLEM) if sentence.startswith("shipped files")]
    assert len(problems) == 2 and "is not the file that its card names" in problems[0]
    settings.SHIPPED_DETECTORS = tmp_path / "nothing"
    assert any("There is no detector" in sentence for sentence in said(Level.PROBLEM))


def test_a_trust_list_that_is_empty_or_broken_is_a_problem(settings, tmp_path):
    settings.TRUST_LIST = tmp_path
    assert any("no PEM files" in sentence for sentence in said(Level.PROBLEM))
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    assert any("broken.pem can't be read" in sentence for sentence in said(Level.PROBLEM))


def test_a_disk_that_is_nearly_full_is_a_warning(monkeypatch):
    monkeypatch.setattr(status, "disks", lambda: [status.Disk("uploads", 10, 10**12)])
    assert any("is full" in sentence for sentence in said(Level.WARNING))


def aged(name, hours=2):
    path, then = default_storage.path(name), (timezone.now() - timedelta(hours=hours)).timestamp()
    os.utime(path, (then, then))
    return name


@pytest.fixture
def ailing(alice):
    """Two images with all kinds of damage between them."""
    first, second = (
        factories.judged(factories.submitted(alice, f"{seed}.jpg", jpeg(seed), consent=True)) for seed in range(2)
    )
    aged(default_storage.save(f"uploads/{alice.pk}/{uuid.uuid4()}", ContentFile(b"partial")))
    aged(default_storage.save("derived/nobodys.jpg", ContentFile(b"left behind")))
    default_storage.save("uploads/young", ContentFile(b"its row is being written"))
    for name in (first.thumbnail.name, first.heat.name, second.original.name):
        default_storage.delete(name)
    factories.submitted(alice, "stuck.jpg", jpeg(3))
    Image.objects.filter(name="stuck.jpg").update(
        state=State.ANALYSING, claim=uuid.uuid4(), claimed_at=timezone.now() - timedelta(hours=1), attempts=1
    )
    return first, second


def test_damage_is_found_without_touching_anything(ailing):
    first, second = ailing
    found = orphans.look(repair=False)
    assert (found.strays, found.stray_bytes, found.stuck, found.no_heat) == (2, 18, 1, 1)
    assert found.remake == [first.pk] and found.lost == [second.original.name]
    assert orphans.look(repair=False) == found
    assert Image.objects.get(pk=first.pk).heat and default_storage.exists("derived/nobodys.jpg")


def test_repair_mends_what_can_be_mended(ailing, wakeups, capsys, django_capture_on_commit_callbacks):
    first, second = ailing
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(CommandError, match="1 problem"):
        call_command("doctor", repair=True)
    out = capsys.readouterr().out
    assert "2 files of 0.0 MB were deleted" in out and "1 uploaded files are gone" in out and wakeups
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.heat, first.background) == (State.WAITING, "", True)
    assert second.state == State.DONE and second.verdict
    assert Image.objects.get(name="stuck.jpg").state == State.WAITING
    assert not default_storage.exists("derived/nobodys.jpg") and default_storage.exists("uploads/young")
    again = orphans.look(repair=True)
    assert (again.strays, again.stuck, again.no_heat) == (0, 0, 0) and again.lost == [second.original.name]


def test_a_healthy_store_has_nothing_to_repair(classified, capsys):
    call_command("doctor", files=True)
    assert "Every row has its files, and every file its row" in capsys.readouterr().out


def test_without_a_database_it_says_so_and_stops_there(monkeypatch, capsys):
    def away():
        raise OSError("refused")

    monkeypatch.setitem(status.CHECKS, "database", away)
    with pytest.raises(CommandError):
        call_command("doctor")
    assert "problem  database: failed: OSError" in capsys.readouterr().out
