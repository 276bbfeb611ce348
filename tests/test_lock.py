"""The lock files that `make` installs from say what the requirements say, and leave nothing out."""

from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_layers import ROOT


def lines(name):
    text = (ROOT / name).read_text().splitlines()
    return [Requirement(line) for line in text if line and not line.startswith(("#", "-"))]


def pins(name):
    """Versions by name, of every platform."""
    found = {}
    for one in lines(name):
        found.setdefault(canonicalize_name(one.name), set()).add(str(one.specifier))
    return found


def here(name):
    """The pin by name, on this platform."""
    return {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one in lines(name)
        if not one.marker or one.marker.evaluate()
    }


@pytest.mark.parametrize(
    ("required", "lock"),
    [
        ("requirements.txt", "requirements.lock"),
        ("requirements.txt", "requirements-dev.lock"),
        ("requirements-dev.txt", "requirements-dev.lock"),
    ],
)
def test_every_requirement_is_in_the_lock_with_the_same_pin(required, lock):
    locked = pins(lock)
    for one in lines(required):
        assert locked.get(canonicalize_name(one.name)) == {str(one.specifier)}, f"{one}: run make lock"


def test_both_locks_agree():
    dev = pins("requirements-dev.lock")
    for name, versions in pins("requirements.lock").items():
        assert dev[name] == versions, f"{name}: run make lock"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_whatever_a_locked_package_needs_is_locked_too_and_fits(lock):
    locked = here(lock)
    for name, version in locked.items():
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if distribution.version != version:  # another machine's environment tells nothing about this pin
            continue
        for text in distribution.requires or []:
            need = Requirement(text)
            if need.marker and not need.marker.evaluate({"extra": ""}):
                continue
            found = locked.get(canonicalize_name(need.name))
            assert found and need.specifier.contains(found, prereleases=True), f"{name} needs {need}: run make lock"


def test_make_installs_from_the_locks_alone():
    rules = [line for line in (ROOT / "Makefile").read_text().splitlines() if "pip install" in line or "$(PIP)" in line]
    assert rules and all("--no-deps" in line or ("-r requirements" in line and ".lock" in line) for line in rules)
