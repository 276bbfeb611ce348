"""The picture of a hundred dots."""

import xml.etree.ElementTree as ET

import pytest

from classifier.detector.measuring.hundred import draw, parts_of

KNOWN = {"real_called_fake": 0.026, "real_called_real": 0.4, "fake_called_real": 0.11, "fake_called_fake": 0.31}


def counts(kind, decided):
    return [(part.count, part.verdict, part.wrong) for part in parts_of(kind, decided)]


def test_a_hundred_pictures_are_rightly_called_not_answered_or_wrongly_called():
    assert counts("REAL", KNOWN) == [(40, "REAL", False), (57, "INCONCLUSIVE", False), (3, "FAKE", True)]
    assert counts("FAKE", KNOWN) == [(31, "FAKE", False), (58, "INCONCLUSIVE", False), (11, "REAL", True)]


def test_an_older_report_knows_only_what_was_wrong():
    assert counts("REAL", {"real_called_fake": 0.026}) == [(3, "FAKE", True), (97, "", False)]
    assert parts_of("REAL", {}) == [] == parts_of("FAKE", {"fake_called_real": None})


@pytest.mark.parametrize("wrong", [0.0, 0.004, 0.5, 1.0])
@pytest.mark.parametrize("right", [None, 0.0, 0.995, 1.0])
def test_there_are_always_a_hundred(wrong, right):
    parts = parts_of("FAKE", {"fake_called_real": wrong, "fake_called_fake": right})
    assert sum(part.count for part in parts) == 100 and min(part.count for part in parts) >= 0


def test_what_is_wrong_is_a_cross_so_that_colour_is_not_all_that_tells_it():
    drawn = ET.fromstring(draw(parts_of("REAL", KNOWN), "Of 100 <photographs>"))
    assert len(drawn) == 100 and len(drawn.findall("path")) == 3
    assert drawn.get("aria-label").startswith(
        "Of 100 <photographs>: 40 correctly called a photograph, 57 “inconclusive”, 3"
    )
    assert {dot.get("class") for dot in drawn} == {"part REAL", "part INCONCLUSIVE", "part FAKE wrong"}
