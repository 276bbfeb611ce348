"""One site for all tests of this folder. `make test-production` runs them; `make test` leaves them out."""

import pytest

from tests.production import machines


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "production":
            item.add_marker("production")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    if lacking := machines.missing():
        pytest.skip(f"not installed here: {lacking}")
    made = machines.Site(tmp_path_factory.mktemp("site"))
    try:
        yield made.start()
    finally:
        made.stop()
