"""Imports run one way, and TensorFlow stays out of the web process and of the Celery parent."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "classifier/detector": ("django", "celery", "classifier.models", "classifier.services", "classifier.provenance"),
    "classifier/provenance": ("django", "celery", "keras", "tensorflow", "classifier.models", "classifier.services"),
    "classifier/models": (
        "classifier.services",
        "classifier.views",
        "classifier.forms",
        "classifier.tasks",
        "keras",
    ),
    "classifier/services.py": (
        "classifier.views",
        "classifier.admin",
        "classifier.forms",
        "classifier.inference",
        "keras",
    ),
    "classifier/tasks.py": ("classifier.views", "classifier.admin", "classifier.forms", "classifier.services"),
    "classifier/inference.py": ("classifier.views", "classifier.admin", "classifier.tasks", "classifier.forms"),
    "classifier/views": ("classifier.tasks", "classifier.inference", "classifier.retraining"),
    "classifier/admin": ("classifier.tasks", "classifier.inference", "classifier.retraining"),
}


def files_of(place):
    path = ROOT / place
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("place", FORBIDDEN)
def test_imports_run_one_way(place):
    for path in files_of(place):
        for name in imports_of(path):
            assert not name.startswith(FORBIDDEN[place]), f"{path.relative_to(ROOT)} imports {name}"


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
    code = "import classifier.detector.networks, sys; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


def test_files_stay_small():
    for path in [*files_of("classifier"), *files_of("aidetect")]:
        assert len(path.read_text().splitlines()) <= 300, path
    for path in files_of("classifier/management/commands"):
        assert len(path.read_text().splitlines()) <= 60, path
