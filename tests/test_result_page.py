"""The result page and its polled fragment."""

from html import unescape

import pytest
from django.urls import reverse

from classifier.models import Detector, Image, State, Verdict

SENTENCES = {
    "REAL": "Looks like a photograph.",
    "FAKE": "Probably AI-generated.",
    "INCONCLUSIVE": "The detector can't tell.",
}
ICONS = {"REAL": "#camera", "FAKE": "#stars", "INCONCLUSIVE": "#question-circle"}


def give_verdict(image, outcome, score, **extra):
    detector = Detector.objects.get(active=True)
    said = {"score": score, "outcome": outcome, "milliseconds": 42, **extra}
    verdict, _ = Verdict.objects.update_or_create(image=image, detector=detector, defaults=said)
    Image.objects.filter(pk=image.pk).update(
        state=State.DONE, verdict=verdict, outcome=outcome, score=score, decided_by="network"
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [("between", "between the two thresholds"), ("unstable", "hardly changed, moves the score too far")],
)
def test_an_inconclusive_verdict_says_why(picture, detector, as_alice, reason, words):
    give_verdict(picture, "INCONCLUSIVE", 0.52, reason=reason)
    assert words in as_alice.get(picture.get_absolute_url()).content.decode()


def test_stability_is_shown_where_it_was_measured(picture, detector, as_alice):
    give_verdict(picture, "REAL", 0.91)
    assert "Stability" not in as_alice.get(picture.get_absolute_url()).content.decode()
    give_verdict(picture, "REAL", 0.91, stability={"JPEG 85": 0.88, "scaled to 90 %": 0.86})
    page = as_alice.get(picture.get_absolute_url()).content.decode()
    for wanted in ("Stability", "JPEG 85", "0.88", "scaled to 90 %", "0.86"):
        assert wanted in page


@pytest.mark.parametrize(
    ("outcome", "score", "place", "words"),
    [
        (
            "FAKE",
            0.02,
            0,
            "Probably AI-generated. Of 100 pictures that score like this, about {fake} were AI-generated",
        ),
        ("REAL", 0.99, -1, "Looks like a photograph. Of 100 pictures that score like this, about {real} were real"),
    ],
)
def test_one_sentence_says_one_measured_number_for_the_named_class(
    picture, detector, as_alice, outcome, score, place, words
):
    give_verdict(picture, outcome, score)
    row = detector.card["reliability"][place]
    wanted = words.format(fake=round(100 * row["fake"]), real=round(100 * (1 - row["fake"])))
    page = unescape(as_alice.get(picture.get_absolute_url()).content.decode())
    assert wanted in page and f"(n = {row['n']}, collections the detector never saw)" in page
    assert page.count("Of 100 pictures") == 1


@pytest.mark.parametrize(("fake", "words"), [(1.0, "about 99 were AI"), (0.0, "about 1 were AI")])
def test_the_number_never_claims_certainty(picture, detector, as_alice, fake, words):
    Detector.objects.update(card={**detector.card, "reliability": [{"low": 0.0, "high": 1.0, "n": 9, "fake": fake}]})
    give_verdict(picture, "FAKE", 0.02)
    assert words in as_alice.get(picture.get_absolute_url()).content.decode()


def test_an_inconclusive_verdict_says_where_it_leans_and_what_to_do_next(picture, detector, as_alice):
    give_verdict(picture, "INCONCLUSIVE", 0.32, reason="between")
    page = unescape(as_alice.get(picture.get_absolute_url()).content.decode())
    assert "Leans towards AI-generated" in page and "were AI-generated (n =" in page
    give_verdict(picture, "INCONCLUSIVE", 0.49, reason="between")
    assert "Leans towards" not in as_alice.get(picture.get_absolute_url()).content.decode(), "49 of 100"
    assert "What you can do next" in page and "tineye.com" in page
    assert reverse("image_dispute", args=[picture.uuid]) in page


@pytest.mark.parametrize("reason", ["small", "graphic", "compressed", "unstable"])
def test_a_picture_that_can_not_be_judged_gets_no_number_and_no_leaning(picture, detector, as_alice, reason):
    give_verdict(picture, "INCONCLUSIVE", 0.32, reason=reason)
    page = unescape(as_alice.get(picture.get_absolute_url()).content.decode())
    assert "Of 100 pictures" not in page and "Leans towards" not in page and "What you can do next" in page


def test_everything_but_the_answer_folds_under_how_we_know(picture, detector, as_alice):
    give_verdict(picture, "REAL", 0.91, stability={"JPEG 85": 0.88})
    page = as_alice.get(picture.get_absolute_url()).content.decode()
    answer, folded = page.split('<details class="know mt-4"><summary>How we know</summary>')
    folded, after = folded.split("</details>", 1)
    for wanted in ("Score 0.91", "JPEG 85", detector.version, "in 42 ms", "How it was measured"):
        assert wanted in folded and wanted not in answer and wanted not in after


@pytest.mark.parametrize(("outcome", "score"), [("REAL", 0.91), ("FAKE", 0.08), ("INCONCLUSIVE", 0.52)])
def test_a_verdict_is_told_by_word_icon_colour_and_sentence(picture, detector, as_alice, outcome, score):
    give_verdict(picture, outcome, score)
    page = as_alice.get(picture.get_absolute_url()).content.decode()
    assert f'class="result {outcome}"' in page
    assert SENTENCES[outcome] in unescape(page)
    assert ICONS[outcome] in page
    assert f"{score:.2f}" in page
    assert "A hint, not proof." in page
    assert detector.version in page and "in 42 ms" in page
    assert "status/?seen" not in page


def test_a_waiting_image_says_its_place_and_polls(picture, as_alice):
    page = as_alice.get(picture.get_absolute_url()).content.decode()
    assert "Waiting…" in page and "Next in the queue." in page
    assert f'hx-get="{reverse("image_status", args=[picture.uuid])}?seen=waiting-1"' in page
    assert '<noscript><meta http-equiv="refresh"' in page


def test_the_place_in_the_queue_counts_everybody(picture, upload, as_bob):
    from tests.pictures import jpeg

    later = upload(("b.jpg", jpeg(9)), client=as_bob)
    assert "2nd in the queue." in as_bob.get(later.url).content.decode()


def test_nothing_is_sent_while_nothing_changed(picture, as_alice):
    url = reverse("image_status", args=[picture.uuid])
    assert as_alice.get(url, {"seen": "waiting-1"}).status_code == 204
    Image.objects.update(state=State.ANALYSING)
    response = as_alice.get(url, {"seen": "waiting-1"})
    assert response.status_code == 200 and "Analysing…" in response.content.decode()
    assert "<html" not in response.content.decode()


def test_polling_after_the_session_ended_reloads_the_page_instead_of_showing_a_log_in_inside_it(picture, client):
    for name in ("image_status", "image_card"):
        response = client.get(reverse(name, args=[picture.uuid]), headers={"HX-Request": "true"})
        assert response.status_code == 200 and response["HX-Refresh"] == "true" and not response.content


def test_polling_stops_when_the_verdict_is_there(classified, as_alice):
    page = as_alice.get(reverse("image_status", args=[classified.uuid]), {"seen": "waiting-1"}).content.decode()
    assert "status/?seen" not in page and f'class="result {classified.outcome}"' in page


def test_a_failed_image_says_why_and_can_be_tried_again(picture, as_alice):
    Image.objects.update(state=State.FAILED, error="This picture can't be analysed: it is odd.", attempts=3)
    assert "it is odd" in as_alice.get(picture.get_absolute_url()).content.decode()
    as_alice.post(reverse("image_again", args=[picture.uuid]))
    picture.refresh_from_db()
    assert (picture.state, picture.attempts, picture.error) == (State.WAITING, 0, "")


def test_a_done_image_can_be_analysed_again_and_keeps_its_verdict_meanwhile(classified, as_alice):
    as_alice.post(reverse("image_again", args=[classified.uuid]))
    before = classified.verdict_id
    classified.refresh_from_db()
    assert (classified.state, classified.verdict_id) == (State.WAITING, before)
    assert (
        "being analysed already"
        in as_alice.post(reverse("image_again", args=[classified.uuid]), follow=True).content.decode()
    )


def test_deleting_removes_row_verdict_and_files(classified, as_alice, settings, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        as_alice.post(reverse("image_delete", args=[classified.uuid]))
    assert not Image.objects.exists() and not Verdict.objects.exists()
    assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def test_the_measured_figure_beside_the_verdict_is_the_strict_one(classified, as_alice, detector):
    report = {**detector.card["report"], "headline": {"decided": {"share": 0.31, "accuracy": 0.67}}}
    Detector.objects.update(card={**detector.card, "report": report})
    page = as_alice.get(classified.get_absolute_url()).content.decode()
    assert "it decided 31% of the pictures, and 67% of those correctly" in page
    assert f"{round(report['decided']['accuracy'] * 100)}%" not in page


def test_all_of_the_page_arrives_with_the_verdict(classified, as_alice):
    response = as_alice.get(reverse("image_status", args=[classified.uuid]), {"seen": "waiting-1"})
    arrived = response.content.decode()
    names = ("dispute", "again", "share", "consent", "delete", "original")
    wanted = [reverse(f"image_{name}", args=[classified.uuid]) for name in names]
    wanted += [reverse("report_pdf", args=[classified.uuid]), "csrfmiddlewaretoken"]
    assert [one for one in wanted if one not in arrived] == []
    assert "<title>AI-generated: holiday.jpg" in arrived and "<html" not in arrived
    assert 'href="/static/favicon-fake.svg" hx-swap-oob="true"' in arrived
    assert "Verdict: AI-generated." in arrived


def test_title_and_favicon_say_the_verdict(classified, as_alice):
    page = as_alice.get(classified.get_absolute_url()).content.decode()
    assert "<title>AI-generated: holiday.jpg" in page and "favicon-fake.svg" in page


def test_the_title_of_a_waiting_image_says_so(picture, as_alice):
    page = as_alice.get(picture.get_absolute_url()).content.decode()
    assert "<title>Waiting…: holiday.jpg" in page and "logo.svg" in page
