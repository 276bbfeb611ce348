"""The review queue: order, claims, keys' answers, undo, what is hidden until an answer is given."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from classifier.labelling import disputes, ground_truth, queue
from classifier.models import Dispute, GroundTruth, Image, Label, State, Verdict
from tests.conftest import person
from tests.test_history import make

pytestmark = pytest.mark.postgres

URL = "/admin/classifier/image/review/"


@pytest.fixture(autouse=True)
def no_chance(settings):
    settings.AUDIT_SHARE = 0


@pytest.fixture
def five(alice, detector):
    """Five images with consent: 0 far from the thresholds, 1 nearest, 2 disputed, 3 where file and network disagree, 4
    without consent."""
    images = make(alice, 5, state=State.DONE, outcome="INCONCLUSIVE", consent=True, decided_by="network")
    scores = [0.99, detector.card["real_above"] + 0.001, 0.95, 0.97, 0.5]
    for image, score in zip(images, scores, strict=True):
        image.score = score
        image.verdict = Verdict.objects.create(
            image=image, detector=detector, score=score, outcome="INCONCLUSIVE", milliseconds=1
        )
        image.save()
    disputes.dispute(images[2], "REAL", "I took it.", "night")
    Image.objects.filter(pk=images[3].pk).update(decided_by="generator", outcome="FAKE")
    Image.objects.filter(pk=images[4].pk).update(consent=False)
    return images


def answer_all(staff, label=GroundTruth.REAL):
    order = []
    while image := queue.next_for_review(staff):
        order.append(image)
        assert queue.answer(image, staff, label, "")
    return order


def test_disputed_first_then_disagreement_then_nearest_to_a_threshold_and_never_without_consent(five, staff):
    assert answer_all(staff) == [five[2], five[3], five[1], five[0]]
    assert Dispute.objects.get().state == "agreed" and Label.objects.count() == 4


def test_two_people_never_get_the_same_image(five, staff):
    other = person("second", is_staff=True, is_superuser=True)
    mine, theirs = queue.next_for_review(staff), queue.next_for_review(other)
    assert mine != theirs and queue.next_for_review(staff) == mine
    assert not queue.answer(mine, other, GroundTruth.FAKE, "") and not Label.objects.exists()
    Image.objects.filter(pk=mine.pk).update(reviewed_until=timezone.now() - timedelta(seconds=1))
    queue.release(theirs)
    assert queue.next_for_review(other) == mine
    assert not queue.answer(mine, staff, GroundTruth.REAL, "")


def test_a_random_sample_is_drawn_whatever_the_order(five, staff, settings):
    settings.AUDIT_SHARE = 0.5
    places = set()
    for chance in (0.0, 0.12, 0.24, 0.36, 0.49):
        image = queue.next_for_review(staff, seed=chance)
        places.add(image.pk)
        queue.release(image)
    assert len(places) >= 3
    assert queue.next_for_review(staff, seed=0.9) == five[2]


def test_a_label_is_taken_back_by_another_row_and_its_dispute_opens_again(five, staff):
    image = queue.next_for_review(staff)
    queue.answer(image, staff, GroundTruth.FAKE, "")
    assert Dispute.objects.get().state == "disagreed" and queue.labelled_today(staff) == 1
    assert queue.take_back(staff) == image
    image.refresh_from_db()
    assert image.label == "" and Dispute.objects.get().state == "open" and queue.labelled_today(staff) == 0
    assert list(image.labels.values_list("old", "new")) == [("FAKE", ""), ("", "FAKE")]
    assert queue.next_for_review(staff) == image
    assert queue.take_back(staff) is None


def test_nobody_takes_back_what_another_changed_since(five, staff):
    other = person("second", is_staff=True, is_superuser=True)
    image = queue.next_for_review(staff)
    queue.answer(image, staff, GroundTruth.FAKE, "")
    ground_truth.label_images(Image.objects.filter(pk=image.pk), other, GroundTruth.REAL, "no")
    assert queue.take_back(staff) is None
    image.refresh_from_db()
    assert image.label == "" and image.contested


def test_the_page_hides_verdict_and_score_until_the_answer(five, as_staff, staff):
    page = as_staff.get(URL).content.decode()
    assert five[2].name in page and "I took it." in page and "4 to review, 0 labelled by you today" in page
    assert "0.95" not in page and "Inconclusive" not in page
    for key in "rfsku":
        assert f'data-key="{key}"' in page
    page = as_staff.post(URL, {"image": five[2].pk, "act": "FAKE", "note": "six fingers"}, follow=True).content.decode()
    assert "AI-generated. The verdict was: Inconclusive (0.95)." in page and "3 to review, 1 labelled" in page
    assert five[3].name in page and Label.objects.get().reason == "six fingers"


def test_skipping_passes_on_and_comes_back_when_asked(five, as_staff):
    as_staff.get(URL)
    page = as_staff.post(URL, {"image": five[2].pk, "act": "skip"}, follow=True).content.decode()
    assert five[3].name in page and "1 skipped" in page
    for image in (five[3], five[1], five[0]):
        page = as_staff.post(URL, {"image": image.pk, "act": "UNUSABLE"}, follow=True).content.decode()
    assert "Nothing is left to review." in page and "Show the skipped ones again" in page
    assert five[2].name in as_staff.post(URL, {"act": "again"}, follow=True).content.decode()


@pytest.mark.parametrize("data", [{}, {"act": "REAL"}, {"act": "REAL", "image": "x"}, {"act": "HACK", "image": "1"}])
def test_an_odd_answer_changes_nothing(five, as_staff, data):
    as_staff.get(URL)
    assert as_staff.post(URL, data, follow=True).status_code == 200 and not Label.objects.exists()


def test_an_image_that_went_to_somebody_else_is_said(five, as_staff, sign_in):
    as_staff.get(URL)
    Image.objects.filter(pk=five[2].pk).update(reviewer=None, reviewed_until=None)
    other = sign_in(person("second", is_staff=True, is_superuser=True))
    other.get(URL)
    page = as_staff.post(URL, {"image": five[2].pk, "act": "REAL"}, follow=True).content.decode()
    assert "went to somebody else" in page and not Label.objects.exists()


def test_only_those_who_may_change_images_review(five, sign_in, as_alice):
    reader = person("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_image"))
    assert sign_in(reader).get(URL).status_code == 403
    assert as_alice.get(URL).status_code == 302 and reverse("admin:login") in as_alice.get(URL).url
    reader.user_permissions.add(Permission.objects.get(codename="change_image"))
    assert sign_in(person("x")).get(URL).status_code == 302
    assert sign_in(type(reader).objects.get(pk=reader.pk)).get(URL).status_code == 200


def test_the_list_leads_to_the_queue(as_staff):
    assert reverse("admin:classifier_image_review") in as_staff.get("/admin/classifier/image/").content.decode()


def test_undo_returns_to_the_picture_taken_back_not_to_the_one_before_the_person(five, as_staff):
    as_staff.get(URL)
    as_staff.post(URL, {"image": five[2].pk, "act": "FAKE"}, follow=True)  # five[3], of a higher number, is before them
    page = as_staff.post(URL, {"act": "undo"}, follow=True)
    assert page.context["image"] == five[2] and "here it is again" in page.content.decode()
    page = as_staff.post(URL, {"image": five[2].pk, "act": "REAL"}, follow=True)
    assert page.context["image"] == five[3], "then the one that was before them comes again"


def test_undo_returns_to_a_picture_that_was_skipped_before_and_to_one_that_others_have_settled(five, as_staff, staff):
    as_staff.get(URL)
    as_staff.post(URL, {"image": five[2].pk, "act": "skip"}, follow=True)
    as_staff.post(f"/admin/classifier/image/relabel/?ids={five[2].pk}", {"label": "REAL", "reason": "sure"})
    for name in ("second", "third"):
        other = person(name, is_staff=True, is_superuser=True)
        ground_truth.label_images(Image.objects.filter(pk=five[2].pk), other, GroundTruth.REAL, "sure")
    ground_truth.label_images(Image.objects.filter(pk=five[1].pk), staff, GroundTruth.FAKE, "sure")
    assert as_staff.post(URL, {"act": "undo"}, follow=True).context["image"] == five[1]
    as_staff.post(URL, {"image": five[1].pk, "act": "skip"}, follow=True)
    assert queue.take_back(staff) is None, "others have said something about the image since"


def test_the_buttons_are_told_apart_by_colour_and_word(five, as_staff):
    page = as_staff.get(URL).content.decode()
    for kind, word in (("real", "Real photograph"), ("fake", "AI-generated"), ("unusable", "Not usable")):
        assert f'class="button {kind}"' in page and word in page
