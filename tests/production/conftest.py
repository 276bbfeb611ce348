"""One site for all tests of this folder. `make test-production` runs them; `make test` leaves them out."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.production import machines


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "production":
            item.add_marker("production")


@pytest.fixture(scope="session")
def site(request):
    """Its folder, with every program's log, stays when a test failed."""
    if lacking := machines.missing():
        pytest.skip(f"not installed here: {lacking}")
    folder = Path(tempfile.mkdtemp(prefix="aidetect-site-"))
    made = machines.Site(folder)
    failed = request.session.testsfailed
    try:
        yield made.start()
    finally:
        made.stop()
        if request.session.testsfailed == failed:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"\nThe logs of the site are in {folder}")
