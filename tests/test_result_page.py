"""The result page and its polled fragment."""

import base64
import re
from html import unescape

import pytest
from django.urls import reverse

from classifier.models import Detector, Image, Share, State, Verdict
from tests import factories
from tests.pictures import encoded, jpeg, photo
from tests.provenance import files
from tests.responses import body, squeezed

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
    page = unescape(squeezed(as_alice.get(picture.get_absolute_url())))
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
    page = squeezed(as_alice.get(picture.get_absolute_url()))
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
    assert f'hx-get="{reverse("image_status", args=[picture.uuid])}?seen=waiting-1-' in page
    assert '<noscript><meta http-equiv="refresh"' in page


def test_the_place_in_the_queue_counts_everybody(picture, upload, as_bob):
    later = upload(("b.jpg", jpeg(9)), client=as_bob)
    assert "2nd in the queue." in as_bob.get(later.url).content.decode()


def test_nothing_is_sent_while_nothing_changed(picture, as_alice):
    url = reverse("image_status", args=[picture.uuid])
    [seen] = re.findall(r"seen=([\w-]+)", as_alice.get(url).content.decode())
    assert seen.startswith("waiting-1-")
    assert as_alice.get(url, {"seen": seen}).status_code == 204
    Image.objects.update(state=State.ANALYSING)
    response = as_alice.get(url, {"seen": seen})
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
    arrived = squeezed(response)
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


# --- What a person said


@pytest.mark.parametrize(
    ("label", "outcome", "words"),
    [
        ("REAL", "FAKE", "that it is a real photograph. The automatic verdict was another: AI-generated."),
        ("FAKE", "FAKE", "that it is AI-generated. The automatic verdict is the same."),
        ("REAL", "INCONCLUSIVE", "that it is a real photograph. The automatic verdict was inconclusive."),
    ],
)
def test_what_a_person_said_is_the_headline_and_stands_beside_the_verdict(
    picture, detector, as_alice, label, outcome, words
):
    give_verdict(picture, outcome, 0.4)
    Image.objects.update(label=label)
    page = squeezed(as_alice.get(picture.get_absolute_url()))
    title = {"REAL": "Real photograph", "FAKE": "AI-generated"}[label]
    assert f"<title>{title} (says a person): holiday.jpg" in page and f"favicon-{label.lower()}.svg" in page
    assert f"A person here who looked at it says {words}" in page
    places = [
        page.index(part) for part in (f'human {label}">', words, "The automatic verdict</h2>", "verdict-word second")
    ]
    assert places == sorted(places)
    cards = squeezed(as_alice.get("/history/"))
    assert f'class="chip human {label}"' in cards


def test_an_imported_picture_has_its_label_from_its_collection(picture, detector, as_alice):
    give_verdict(picture, "REAL", 0.9)
    Image.objects.update(label="REAL", source="holiday-photos")
    page = squeezed(as_alice.get(picture.get_absolute_url()))
    assert "The collection it came with says that it is a real photograph" in page and "says a collection" in page


def test_a_picture_that_nobody_can_tell_keeps_its_verdict_as_the_headline(picture, detector, as_alice):
    give_verdict(picture, "FAKE", 0.1)
    Image.objects.update(label="UNUSABLE")
    page = squeezed(as_alice.get(picture.get_absolute_url()))
    assert "<title>AI-generated: " in page and "could not say what it is" in page and "second" not in page


def test_proof_is_not_called_a_hint_and_a_declaration_is(upload, as_alice, alice):
    upload(("castle.png", files.png(image=photo(200, 160), parameters=files.SETTINGS)))
    image = factories.judged(Image.objects.get(owner=alice))
    page = squeezed(as_alice.get(image.get_absolute_url()))
    assert "<strong>A hint, not proof.</strong> Whoever has the file" in page and "Proven is" not in page
    image.evidence.update(strength="proves")
    page = squeezed(as_alice.get(image.get_absolute_url()))
    assert "Proven is who signed it" in page
    assert "hint, not proof" not in page.split("<footer")[0]


# --- Pictures fit for the screen


def test_a_phone_gets_a_smaller_copy_which_only_its_owner_sees(upload, as_alice, as_bob, alice):
    upload(("wide.jpg", encoded(photo(1400, 900), "JPEG")))
    image = factories.judged(Image.objects.get(owner=alice))
    address = reverse("image_screen", args=[image.uuid])
    page = squeezed(as_alice.get(image.get_absolute_url()))
    assert f'<source media="(max-width: 575px), (max-resolution: 1.4dppx)" srcset="{address}">' in page
    assert 'class="large"' in page and 'loading="lazy"' in page
    small = body(as_alice.get(address))
    assert len(small) < len(body(as_alice.get(reverse("image_display", args=[image.uuid]))))
    assert as_bob.get(address).status_code == 404


def test_a_small_picture_has_no_second_copy(classified, as_alice):
    page = as_alice.get(classified.get_absolute_url()).content.decode()
    assert "<source" not in page and 'class="large"' not in page
    assert as_alice.get(reverse("image_screen", args=[classified.uuid])).status_code == 404


@pytest.mark.keras
def test_the_worker_makes_the_smaller_copy_once_and_it_goes_with_the_image(
    upload, tiny, as_alice, alice, settings, django_capture_on_commit_callbacks
):
    from PIL import Image as Picture

    from classifier.worker.loop import classify_waiting

    upload(("wide.jpg", encoded(photo(2000, 1200), "JPEG")), ("small.jpg", jpeg(5, 300, 200)))
    with django_capture_on_commit_callbacks(execute=True):
        assert classify_waiting(8) == 2
    wide, small = Image.objects.get(name="wide.jpg"), Image.objects.get(name="small.jpg")
    assert not small.screen
    with wide.screen.open("rb") as file, Picture.open(file) as copy:
        assert copy.size == (960, 576) and not copy.getexif()
    before = wide.screen.name
    as_alice.post(reverse("image_again", args=[wide.uuid]))
    with django_capture_on_commit_callbacks(execute=True):
        classify_waiting(8)
    wide.refresh_from_db()
    assert wide.screen.name != before and not wide.screen.storage.exists(before)
    with django_capture_on_commit_callbacks(execute=True):
        Image.objects.all().delete()
    assert not [path for path in settings.MEDIA_ROOT.rglob("*.jpg") if path.is_file()]


# --- What a signed picture was made from


@pytest.fixture
def made_from(picture):
    """A judged picture whose manifest brought along one ingredient with a small picture, and one without."""
    image = factories.judged(picture)
    small = base64.b64encode(encoded(photo(64, 48), "JPEG")).decode()
    details = {"state": "valid", "ingredients": [{"title": "before.jpg"}, {"title": "b"}], "pictures": [small, ""]}
    image.evidence.create(kind="c2pa", strength="declares", direction="none", summary="Signed.", details=details)
    return image


def test_what_it_was_made_from_is_shown_to_its_owner(made_from, as_alice, as_bob, client):
    address = reverse("image_ingredient", args=[made_from.uuid, 0])
    page = squeezed(as_alice.get(made_from.get_absolute_url()))
    assert (
        address in page and "before.jpg" in page and reverse("image_ingredient", args=[made_from.uuid, 1]) not in page
    )
    response = as_alice.get(address)
    assert response["Content-Type"] == "image/jpeg" and response.content[:3] == b"\xff\xd8\xff"
    assert "sandbox" in response["Content-Security-Policy"] and "private" in response["Cache-Control"]
    assert as_bob.get(address).status_code == 404 and client.get(address).status_code == 302
    for number in (1, 2, 10**30):
        assert as_alice.get(f"/images/{made_from.uuid}/ingredients/{number}").status_code == 404


def test_staff_without_consent_reports_and_links_have_no_such_pictures(made_from, as_alice, as_staff, client):
    address = reverse("image_ingredient", args=[made_from.uuid, 0])
    assert as_staff.get(address).status_code == 200, "with consent"
    Image.objects.update(consent=False)
    assert as_staff.get(address).status_code == 404 and address not in squeezed(
        as_staff.get(made_from.get_absolute_url())
    )
    report = as_alice.get(reverse("report_json", args=[made_from.uuid])).json()
    assert all("pictures" not in piece["details"] for piece in report["evidence"])
    as_alice.post(reverse("image_share", args=[made_from.uuid]), {"days": 3})
    shared = client.get(Share.objects.get().get_absolute_url())
    assert shared.status_code == 200 and "ingredients/" not in shared.content.decode()
