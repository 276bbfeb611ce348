"""The waiting page: the place in the queue, and an estimate that promises no more than is known."""

from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.models import Image, State
from classifier.results import time_left
from tests import factories
from tests.pictures import jpeg

pytestmark = pytest.mark.postgres


def waiting(owner, seed, **told):
    image = factories.submitted(owner, f"{seed}.jpg", jpeg(seed))
    Image.objects.filter(pk=image.pk).update(**told)
    return Image.objects.get(pk=image.pk)


@pytest.fixture
def slow(bob):
    """The last verdicts took four seconds each."""
    factories.judged(factories.submitted(bob, "known.jpg", jpeg(90)), milliseconds=4000)


def test_the_page_says_the_place_and_how_long_it_takes(alice, bob, as_alice, slow):
    mine = [waiting(alice, seed) for seed in (1, 2)]
    waiting(bob, 3)
    page = as_alice.get(mine[1].get_absolute_url()).content.decode()
    assert "3rd in the queue." in page and "That takes about 20 seconds" in page
    assert "Next in the queue." in as_alice.get(mine[0].get_absolute_url()).content.decode()


def test_batches_of_others_make_a_single_upload_wait_no_longer(alice, bob, as_alice, slow):
    for seed in range(10, 15):
        waiting(bob, seed, bulk=True)
    page = as_alice.get(waiting(alice, 1).get_absolute_url()).content.decode()
    assert "Next in the queue." in page and "about 5 seconds" in page


def test_workers_share_the_queue(alice, bob, slow):
    for seed in (20, 21):
        waiting(bob, seed, state=State.ANALYSING, holder=f"here:{seed}")
    assert time_left.estimate(4) == pytest.approx(8)


def test_where_nothing_was_judged_yet_nothing_is_promised(alice, as_alice):
    page = as_alice.get(waiting(alice, 1).get_absolute_url()).content.decode()
    assert "Next in the queue." in page and "takes about" not in page


def test_without_a_worker_the_page_says_so_and_that_the_picture_is_kept(alice, bob, as_alice, slow):
    image = waiting(alice, 1, created_at=timezone.now() - timedelta(minutes=2))
    page = as_alice.get(image.get_absolute_url()).content.decode()
    assert "No worker is answering" in page and "is kept" in page and "takes about" not in page
    waiting(bob, 20, state=State.ANALYSING)
    assert "takes about" in as_alice.get(image.get_absolute_url()).content.decode()


def test_the_polled_part_changes_when_the_promise_does(alice, as_alice, slow):
    image = waiting(alice, 1)
    seen = as_alice.get(image.get_absolute_url()).context["seen"]
    status = f"/images/{image.uuid}/status/?seen={seen}"
    assert as_alice.get(status).status_code == 204
    Image.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert "No worker is answering" in as_alice.get(status).content.decode()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "5 seconds"),
        (7, "10 seconds"),
        (20, "20 seconds"),
        (59, "60 seconds"),
        (60, "a minute"),
        (61, "2 minutes"),
        (600, "10 minutes"),
        (7000, "2 hours"),
    ],
)
def test_an_estimate_is_rounded_up(seconds, words):
    assert time_left.in_words(seconds) == words
