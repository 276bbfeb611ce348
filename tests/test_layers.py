"""Imports run one way, and TensorFlow stays out of the web process and of the Celery parent."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.placing import needs_the_stack

ROOT = Path(__file__).parent.parent


def test_imports_run_downwards_room_by_room():
    """The contracts stand in pyproject.toml."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_no_file_name_stands_twice():
    names = [path.name for path in files_of("classifier") if path.parent.name not in ("models", "admin", "migrations")]
    twice = {name for name in names if names.count(name) > 1} - {"__init__.py"}
    assert not twice


def files_of(place):
    return sorted((ROOT / place).rglob("*.py"))


PARENTS = {
    "web": "import django; django.setup(); import aidetect.wsgi, aidetect.urls, classifier.admin, classifier.views",
    "celery": "from aidetect.celery import app; app.loader.import_default_modules(); import classifier.tasks; "
    "assert 'classifier.classify_pending' in app.tasks",
    "launcher": "import django; django.setup(); import aidetect.launcher",
}


@pytest.mark.parametrize("process", PARENTS)
def test_tensorflow_is_never_loaded_by(process):
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'aidetect.settings'\n"
        f"{PARENTS[process]}\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print('light')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "light", done.stderr


def test_this_check_would_notice_tensorflow():
    code = "import classifier.detector.networks.architectures, sys; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


def test_files_stay_small():
    for path in [*files_of("classifier"), *files_of("aidetect")]:
        assert len(path.read_text().splitlines()) <= 300, path
    for path in files_of("classifier/management/commands"):
        assert len(path.read_text().splitlines()) <= 60, path


def test_every_test_of_the_real_stack_is_in_a_file_that_runs_in_one_process(request):
    for item in request.session.items:
        if item.get_closest_marker("stack"):
            assert needs_the_stack(item.path), item.nodeid
