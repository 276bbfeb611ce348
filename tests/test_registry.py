"""Which detector is active: installed by one function, read by everybody else. One card, in bundle and row."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import OperationalError, ProgrammingError

from classifier.detector.errors import BundleError
from classifier.detector.serving import bundle
from classifier.learning import gate
from classifier.models import Detector, Promotion, Rescoring
from classifier.registry import detectors
from tests.pictures import jpeg

ROOT = Path(__file__).parent.parent
STAFF = ["", "classifier/detector/", "classifier/image/", "classifier/image/review/", "classifier/trainingrun/"]
PAGES = ["/", "/history/", "/metrics/", "/healthz", *(f"/admin/{place}" for place in STAFF)]  # fmt: skip


@pytest.mark.fresh
def test_no_page_installs_a_detector(as_staff):
    for page in PAGES:
        response = as_staff.get(page)
        assert response.status_code in (200, 302, 404, 503), page
    assert not (Detector.objects.exists() or Promotion.objects.exists() or Rescoring.objects.exists())


@pytest.mark.fresh
def test_the_metrics_page_says_that_no_detector_is_installed(as_alice):
    page = as_alice.get("/metrics/")
    assert page.status_code == 503 and "No detector is installed yet" in page.content.decode()


@pytest.mark.fresh
def test_active_only_reads_and_says_what_to_do(db):
    with pytest.raises(BundleError, match="install_shipped"):
        detectors.active()
    assert not Detector.objects.exists()


@pytest.mark.fresh
def test_installing_twice_promotes_once(db):
    assert detectors.install_shipped() == detectors.install_shipped() == detectors.active()
    assert Promotion.objects.count() == 1


def test_a_detector_that_staff_promoted_stays(detector):
    mine = Detector.objects.create(version="mine", architecture="cnn32", sha256="0" * 64)
    detectors.switch_to(mine)
    assert detectors.install_shipped() == mine


def test_only_the_gate_and_the_installation_switch_detectors():
    """`switch_to` asks nothing; whoever else called it would go round the gate."""
    callers = {path for path in (ROOT / "classifier").rglob("*.py") if "switch_to(" in path.read_text()}
    assert callers == {ROOT / "classifier/learning/gate.py", ROOT / "classifier/registry/detectors.py"}


def test_a_shipped_detector_that_staff_rolled_back_to_stays(db, settings, staff):
    settings.DETECTOR = "quick"
    quick = detectors.install_shipped()
    settings.DETECTOR = "thorough"
    thorough = detectors.install_shipped()
    assert thorough != quick, "the code ships another one now"
    gate.rollback(staff)
    assert detectors.install_shipped() == quick, "the next start must not undo what staff decided"


def test_a_shipped_detector_that_passed_the_gate_on_the_command_line_stays(detector, settings):
    thorough = detectors.registered(detectors.shipped_folder("thorough").name)
    gate.promote(thorough, None, found=gate.Gate(thorough, detector, "test images"))
    settings.DETECTOR = "quick"
    assert detectors.install_shipped() == thorough


def test_every_shipped_detector_is_found_by_its_version(detector, settings):
    """`classify --quick` names one that was never installed."""
    for choice in ("thorough", "quick"):
        version = detectors.shipped_folder(choice).name
        Detector.objects.filter(version=version, active=False).delete()
        before = Detector.objects.count()
        found = detectors.find(version)
        assert found.shipped and (found.folder / bundle.MODEL_FILE).is_file()
        assert Detector.objects.count() == before, "a getter never writes"
        assert detectors.registered(version).pk and detectors.find(version).pk


@pytest.mark.fresh
@pytest.mark.parametrize("error", [OperationalError, ProgrammingError])
def test_without_tables_the_shipped_detector_is_found(db, monkeypatch, error):
    """SQLite and PostgreSQL name a missing table differently."""

    def missing(*rest, **named):
        raise error("no such table")

    monkeypatch.setattr(Detector.objects, "filter", missing)
    monkeypatch.setattr(Detector.objects, "active", missing)
    assert detectors.find(None).version == detectors.shipped_folder().name
    assert detectors.find("fusion-2026.11b").version == "fusion-2026.11b"


@pytest.mark.fresh
def test_with_no_active_detector_the_gate_says_so(as_staff):
    candidate = detectors.register(detectors.shipped_folder("quick"), shipped=True)
    place = f"/admin/classifier/detector/{candidate.pk}"
    page = as_staff.get(f"{place}/promote/")
    assert page.status_code == 200 and "No detector is active" in page.content.decode()
    assert as_staff.post(f"{place}/measure/").status_code == 302


def test_registering_again_refreshes_what_the_pages_show(detector, settings, tmp_path):
    shutil.copytree(detector.folder, tmp_path / "shipped" / detector.version)
    settings.SHIPPED_DETECTORS = tmp_path / "shipped"
    bundle.revise(detector.folder, fake_below=0.12)
    assert detectors.register(detector.folder, shipped=True).card["fake_below"] == 0.12
    detector.refresh_from_db()
    assert detector.card["fake_below"] == 0.12


def test_thorough_and_quick_are_both_there(settings):
    for choice in ("thorough", "quick"):
        settings.DETECTOR = choice
        assert bundle.read_card(detectors.shipped_folder()).version == detectors.shipped_folder().name


@pytest.mark.keras
def test_a_changed_card_reaches_the_row_and_the_running_worker(detector, settings, tmp_path):
    from classifier.worker import loop

    shutil.copytree(detector.folder, tmp_path / "shipped" / detector.version)
    settings.SHIPPED_DETECTORS = tmp_path / "shipped"
    before = loop.load(detector)
    detectors.revise(detector, fake_below=0.11, largest_jump=0.5)
    detector.refresh_from_db()
    after = loop.load(detector)
    assert detector.card["fake_below"] == after.card.fake_below == 0.11 and after.card.largest_jump == 0.5
    assert before is not after and loop.load(detector) is after


@pytest.mark.parametrize("command", ["classify", "inspect"])
def test_a_fresh_checkout_classifies_without_a_database(command, tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    own = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/none/db.sqlite3",
        "RUN_DIR": str(tmp_path / "run"),
        "DETECTOR": "quick",
    }
    call = [sys.executable, "manage.py", command, str(tmp_path / "a.jpg")]
    done = subprocess.run(call, cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "a.jpg" in done.stdout and "Traceback" not in done.stderr
