"""Which detector is active: installed by one function, read by everybody else. One card, in bundle and row."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.detector.errors import BundleError
from classifier.detector.serving import bundle
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
