"""Two of the staff disagree: contested, a third decides; second looks; near-duplicates labelled together."""

import pytest

from classifier.detector.errors import DatasetError
from classifier.detector.images.nearness import NEAR, band_keys, distance
from classifier.intake import neighbours
from classifier.labelling import disputes, ground_truth, queue
from classifier.labelling.ground_truth import settle
from classifier.learning import versions
from classifier.models import Dispute, HashKey, Image, Label, State, Verdict
from tests.conftest import person
from tests.test_history import make

pytestmark = pytest.mark.postgres

URL = "/admin/classifier/image/review/"


@pytest.fixture(autouse=True)
def no_chance(settings):
    settings.AUDIT_SHARE = 0


@pytest.fixture
def second(db):
    return person("second", is_staff=True, is_superuser=True)


@pytest.fixture
def third(db):
    return person("third", is_staff=True, is_superuser=True)


@pytest.fixture
def image(alice, detector):
    [image] = make(alice, 1, state=State.DONE, outcome="FAKE", consent=True, decided_by="network", score=0.1)
    image.verdict = Verdict.objects.create(image=image, detector=detector, score=0.1, outcome="FAKE", milliseconds=1)
    image.save()
    return image


def only(image):
    return Image.objects.filter(pk=image.pk)


@pytest.mark.parametrize(
    ("opinions", "result"),
    [
        ({}, ("", False)),
        ({1: ["REAL"]}, ("REAL", False)),
        ({1: ["REAL"], 2: ["FAKE"]}, ("", True)),
        ({1: ["REAL"], 2: ["FAKE"], 3: ["FAKE"]}, ("FAKE", False)),
        ({1: ["REAL"], 2: ["FAKE"], 3: ["UNUSABLE"]}, ("", True)),
        ({1: ["REAL", "FAKE"], 2: ["FAKE"]}, ("FAKE", False)),
        ({None: ["REAL"]}, ("REAL", False)),
        ({None: ["REAL"], 1: ["FAKE"]}, ("FAKE", False)),
        ({1: []}, ("", False)),
    ],
)
def test_what_opinions_come_to(opinions, result):
    assert settle(opinions) == result


def test_a_contradiction_is_contested_and_a_third_decides(image, staff, second, third):
    disputes.dispute(image, "REAL", "I took it.", "night")
    ground_truth.label_images(only(image), staff, "REAL", "sure")
    image.refresh_from_db()
    assert (image.label, Dispute.objects.get().state) == ("REAL", "agreed")
    assert queue.next_for_review(second) == image, "the label contradicts the verdict: a second look"
    assert queue.answer(image, second, "FAKE", "hands")
    image.refresh_from_db()
    assert (image.label, image.contested, Dispute.objects.get().state) == ("", True, "open")
    with pytest.raises(DatasetError):
        versions.freeze(staff)
    for earlier in (staff, second):
        assert queue.next_for_review(earlier) is None
    assert queue.next_for_review(third) == image
    assert queue.answer(image, third, "FAKE", "")
    image.refresh_from_db()
    assert (image.label, image.contested, Dispute.objects.get().state) == ("FAKE", False, "disagreed")
    assert Label.objects.count() == 3


def test_a_second_person_who_agrees_settles_it_and_leaves_a_row(image, staff, second, third):
    ground_truth.label_images(only(image), staff, "REAL", "sure")
    assert queue.next_for_review(staff) is None, "nobody gets a second look at their own answer"
    assert queue.answer(queue.next_for_review(second), second, "REAL", "")
    assert [row.by for row in Label.objects.order_by("pk")] == [staff, second]
    assert queue.next_for_review(third) is None


def test_taking_back_ends_the_contest(image, staff, second):
    ground_truth.label_images(only(image), staff, "REAL", "sure")
    queue.answer(queue.next_for_review(second), second, "FAKE", "")
    assert queue.take_back(second) == image
    image.refresh_from_db()
    assert (image.label, image.contested) == ("REAL", False) and queue.labelled_today(second) == 0
    assert Label.objects.count() == 3, "nothing is overwritten"


def test_a_change_of_mind_ends_it_too(image, staff, second):
    ground_truth.label_images(only(image), staff, "REAL", "sure")
    ground_truth.label_images(only(image), second, "FAKE", "no")
    assert ground_truth.label_images(only(image), staff, "FAKE", "she is right") == 1
    image.refresh_from_db()
    assert (image.label, image.contested) == ("FAKE", False)


def hashed(images, hashes):
    for image, value in zip(images, hashes, strict=True):
        image.dhash = f"{value:016x}"
    Image.objects.bulk_update(images, ["dhash"])
    neighbours.remember(images)


def test_every_hash_within_the_limit_shares_a_key_and_is_found(alice):
    first = 0x0F1E2D3C4B5A6978
    variants = [first ^ (1 << bit) for bit in range(0, 64, 7)] + [first ^ 0b1111, first ^ (1 << 63) ^ (1 << 40) ^ 3]
    for value in variants:
        assert distance(f"{first:016x}", f"{value:016x}") <= NEAR
        assert set(band_keys(f"{first:016x}")) & set(band_keys(f"{value:016x}"))
    images = make(alice, 4, state=State.DONE, consent=True)
    hashed(images, [first, first ^ 0b1, first ^ 0b111, first ^ 0b11111])
    assert neighbours.near(images[0], Image.objects.all()) == images[1:3]
    neighbours.remember(images)
    assert HashKey.objects.count() == 20


def test_near_duplicates_stand_side_by_side_and_are_labelled_together(as_staff, staff, alice, bob):
    images = make(alice, 3, state=State.DONE, consent=True)
    [private] = make(bob, 1, state=State.DONE)
    hashed([*images, private], [5, 4, 7, 5])
    page = as_staff.get(URL)
    assert page.context["near"] == images[1:], "another's private picture is not shown"
    near = [images[1].pk, private.pk]
    as_staff.post(URL, {"image": images[0].pk, "act": "FAKE", "near": near, "category": "drawing"})
    labels = dict(Image.objects.values_list("pk", "label"))
    assert labels == {images[0].pk: "FAKE", images[1].pk: "FAKE", images[2].pk: "", private.pk: ""}
    assert set(Label.objects.values_list("category", flat=True)) == {"drawing"}
    as_staff.post(URL, {"act": "undo"})
    assert not Image.objects.exclude(label="").exists(), "what was labelled together is taken back together"


def test_a_near_duplicate_before_somebody_else_is_left_to_them(staff, second, alice):
    images = make(alice, 2, state=State.DONE, consent=True)
    hashed(images, [5, 5])
    mine, theirs = queue.next_for_review(staff), queue.next_for_review(second)
    assert queue.answer(mine, staff, "REAL", "", near=[theirs.pk])
    theirs.refresh_from_db()
    assert theirs.label == ""


def test_the_order_is_a_setting(alice, staff, image, settings):
    [disputed] = make(alice, 1, state=State.DONE, outcome="FAKE", consent=True, score=0.9)
    disputes.dispute(disputed, "REAL", "I took it.", "night")
    assert queue.following(staff, []) == disputed
    settings.REVIEW_ORDER = ["uncertain"]
    Image.objects.filter(pk=image.pk).update(score=0.5)
    assert queue.following(staff, []) == image


def test_a_random_draw_is_remembered(alice, staff, settings):
    make(alice, 3, state=State.DONE, consent=True)
    assert queue.next_for_review(staff) and not Image.objects.filter(sampled=True).exists()
    queue.release(Image.objects.get(reviewer=staff))
    settings.AUDIT_SHARE = 1
    drawn = queue.next_for_review(staff, seed=0.5)
    assert Image.objects.get(sampled=True) == drawn
    assert queue.next_for_review(staff, seed=0.9) == drawn and Image.objects.filter(sampled=True).count() == 1
