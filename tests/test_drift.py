"""The drift page: by week and detector, and what the random sample says."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from classifier.detector.stats.classification import wilson
from classifier.labelling import disputes
from classifier.learning import drift
from classifier.models import Image, State, Verdict
from tests.test_history import make

pytestmark = pytest.mark.postgres


def judged(owner, detector, outcome, score, weeks=0, **extra):
    [image] = make(owner, 1, state=State.DONE, consent=True, outcome=outcome, **extra)
    when = timezone.now() - timedelta(weeks=weeks)
    Verdict.objects.create(
        image=image, detector=detector, score=score, outcome=outcome, milliseconds=1, created_at=when
    )
    return image


@pytest.fixture
def history(alice, detector):
    judged(alice, detector, "REAL", 0.95, label="REAL", sampled=True)
    judged(alice, detector, "REAL", 0.9, label="FAKE", sampled=True)
    judged(alice, detector, "FAKE", 0.05, label="FAKE")
    judged(alice, detector, "INCONCLUSIVE", 1.0, label="REAL", sampled=True)
    disputed = judged(alice, detector, "FAKE", 0.0)
    disputes.dispute(disputed, "REAL", "mine", "night")
    judged(alice, detector, "REAL", 0.55, weeks=1)
    judged(alice, detector, "REAL", 0.55, weeks=40)


def test_the_mix_the_doubts_and_the_mistakes_of_each_week(history, detector):
    this, last = drift.by_week()
    assert (this["n"], this["REAL"], this["FAKE"], this["INCONCLUSIVE"], this["disputed"]) == (5, 2, 2, 1, 1)
    assert (this["labelled"], this["overturned"]) == (3, 1) and this["shares"]["overturned"] == 1 / 3
    assert this["histogram"] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 3] and this["version"] == detector.version
    assert last["histogram"][5] == 1 and last["shares"]["overturned"] is None and last["week"] < this["week"]


def test_accuracy_is_estimated_from_the_random_sample_alone(history, detector):
    [row] = drift.sampled_accuracy()
    assert row == {
        "version": detector.version, "n": 3, "decided": 2, "accuracy": 0.5, "interval": wilson(1, 2),
    }  # fmt: skip


def test_the_page_shows_it_with_a_constant_number_of_queries(as_staff, as_alice, alice, detector, history):
    with CaptureQueriesContext(connection) as few:
        page = as_staff.get("/admin/drift/").content.decode()
    assert "1 of 3" in page and "flatters a little" in page and page.count('<svg class="histogram"') == 2
    for number in range(20):
        judged(alice, detector, "REAL", 0.5, weeks=number % 5)
    with CaptureQueriesContext(connection) as many:
        as_staff.get("/admin/drift/")
    assert len(many) == len(few)
    assert as_alice.get("/admin/drift/").status_code == 302


def test_an_empty_site_has_a_page_too(as_staff, db):
    page = as_staff.get("/admin/drift/").content.decode()
    assert "No verdicts yet." in page and "Nothing of the sample is labelled yet." in page
    assert not Image.objects.exists()
    assert "Review" in as_staff.get("/admin/").content.decode()


def test_where_counting_takes_long_the_result_is_kept_for_a_while(as_staff, classified, monkeypatch):
    first, then = drift.lately()
    assert drift.lately()[1] > then  # quick: counted anew each time
    monkeypatch.setattr(drift, "LONG", -1.0)
    kept = drift.lately()
    monkeypatch.setattr(drift, "by_week", lambda: pytest.fail("counted again"))
    assert drift.lately() == kept and kept[0] == first
    assert "Counted at " in as_staff.get("/admin/drift/").content.decode()
