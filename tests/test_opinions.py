"""Two of the staff disagree: contested, a third decides; second looks; near-duplicates labelled together."""

import importlib
import re

import pytest
from django.apps import apps

from classifier.detector.errors import DatasetError
from classifier.detector.images.nearness import NEAR, band_keys, distance
from classifier.intake import neighbours
from classifier.labelling import disputes, ground_truth, queue
from classifier.labelling.ground_truth import settle
from classifier.learning import versions
from classifier.models import Dispute, HashKey, Image, Label, State, Verdict
from tests.conftest import person
from tests.test_history import make
from tests.test_layers import files_of

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


def imported(image, by, label="REAL"):
    ground_truth.label_imported(image, by, label, "import 1: nikon")
    image.refresh_from_db()
    return image


def test_a_label_is_counted_whatever_its_reason_says(image, staff, second):
    """Its reason used to be read as a control word: it undid the one before, or was left out of the day's count."""
    ground_truth.label_images(only(image), second, "REAL", "import 7: seen there, too")
    ground_truth.label_images(only(image), staff, "REAL", "taken back")
    image.refresh_from_db()
    assert (image.label, image.contested) == ("REAL", False)
    assert ground_truth.opinions_on([image.pk])[image.pk] == {staff.pk: ["REAL"], second.pk: ["REAL"]}
    assert queue.labelled_today(staff) == queue.labelled_today(second) == 1
    assert queue.take_back(staff) == image, "it can be taken back like any other"


def test_an_import_is_nobodys_opinion(image, staff, second):
    """It used to count as the opinion of whoever imported it, so that the first person who looked contested it."""
    imported(image, staff)
    assert (image.label, queue.labelled_today(staff), queue.take_back(staff)) == ("REAL", 0, None)
    assert ground_truth.label_images(only(image), second, "FAKE", "six fingers") == 1
    image.refresh_from_db()
    assert (image.label, image.contested) == ("FAKE", False)


def test_whoever_imported_an_image_is_asked_like_everybody_else(image, staff, second, third):
    imported(image, staff)
    assert queue.next_for_review(staff) == image, "the import contradicts the verdict"
    assert queue.answer(image, staff, "REAL", "")
    assert list(Label.objects.order_by("pk").values_list("kind", flat=True)) == ["import", "opinion"]
    assert queue.next_for_review(staff) is None
    assert queue.answer(queue.next_for_review(second), second, "REAL", "")
    assert queue.next_for_review(third) is None, "two people agree"


def test_whoever_took_their_opinion_back_is_asked_again(image, staff, second, third):
    for by, label in ((staff, "REAL"), (second, "FAKE")):
        ground_truth.label_images(only(image), by, label, "sure")
    ground_truth.label_images(only(image), third, "UNUSABLE", "blurred")
    assert queue.next_for_review(third) is None
    queue.take_back(third)
    queue.release(image)
    assert queue.next_for_review(third) == image


def test_one_place_writes_labels():
    writers = [
        path.name for path in files_of("classifier") if re.search(r"\bLabel(\.objects\.\w*create)?\(", text(path))
    ]
    assert writers == ["ground_truth.py", "exchanges.py"]


def text(path):
    return "" if path.parent.name == "migrations" else path.read_text()


def test_the_migration_reads_kinds_from_the_old_control_words(alice, staff, second):
    migration = importlib.import_module("classifier.migrations.0009_label_kinds")
    images = make(alice, 4, state=State.DONE, consent=True, label="REAL", contested=True, source="nikon")

    def say(image, by, old, new, reason):
        Label.objects.create(image=image, by=by, old=old, new=new, reason=reason)

    say(images[0], staff, "", "FAKE", "queue")
    say(images[0], staff, "FAKE", "", "taken back")
    say(images[1], staff, "", "REAL", "import 3: nikon")
    say(images[1], second, "REAL", "FAKE", "six fingers")
    say(images[2], staff, "", "FAKE", "taken back")
    say(images[2], second, "FAKE", "FAKE", "so it is")
    say(images[3], staff, "", "REAL", "import 3: wrong label")
    migration.read_reasons(apps, None)
    kinds = [list(image.labels.order_by("pk").values_list("kind", flat=True)) for image in images]
    assert kinds == [["opinion", "taken back"], ["import", "opinion"], ["opinion", "opinion"], ["opinion"]]
    outcomes = Image.objects.order_by("pk").values_list("label", "contested")
    assert list(outcomes) == [("", False), ("FAKE", False), ("FAKE", False), ("REAL", True)]
