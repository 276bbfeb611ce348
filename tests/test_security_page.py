"""SECURITY.md claims nothing that no test holds the code to."""

import re

import pytest

from tests.test_layers import ROOT

PAGE = (ROOT / "SECURITY.md").read_text()
CLAIMS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| want"))]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def test_every_claim_names_its_test():
    without = [line[:60] for line in CLAIMS if not re.search(r"`tests/[\w/]+\.py::test_\w+`", line)]
    assert len(CLAIMS) > 20 and not without


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_the_named_test_exists(file, name):
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.M)


def test_settings_that_it_names_exist():
    known = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.M))
    assert set(re.findall(r"`([A-Z_]{4,})(?:=\w+)?`", PAGE)) <= known


def test_it_says_what_does_not_stop_them_and_how_to_report():
    assert "## What does not stop them" in PAGE and "## Reporting a weakness" in PAGE
