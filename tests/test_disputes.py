"""Disputes, consent, shares, retention, takeout: between an owner, staff and people with a link."""

import csv
import io
import json
import zipfile
from datetime import timedelta
from html import unescape

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from classifier.intake import retention
from classifier.labelling import ground_truth
from classifier.learning import gate
from classifier.models import Dispute, GroundTruth, Image, Share
from classifier.results.report import SCHEMA
from classifier.results.table import csv_rows
from tests import factories
from tests.pictures import encoded, jpeg, photo
from tests.provenance import files
from tests.responses import body

pytestmark = pytest.mark.postgres

SAID = {"claim": "REAL", "category": "night", "how": "I took it with my phone.", "agreed": "on"}


def text_of(response):
    return unescape(response.content.decode())


# --- Disputes


def url_of_dispute(image):
    return reverse("image_dispute", args=[image.uuid])


def dispute(client, image, **changed):
    return client.post(url_of_dispute(image), {**SAID, **changed}, follow=True)


def test_a_dispute_enters_the_queue_and_its_answer_reaches_the_owner(classified, as_alice, as_staff, staff):
    assert "A person will look at it" in text_of(dispute(as_alice, classified))
    said = Dispute.objects.get()
    assert (said.claim, said.category, said.state) == ("REAL", "night", "open")
    queue = as_staff.get(reverse("admin:classifier_dispute_changelist")).content.decode()
    assert "I took it with my phone." in queue and reverse("image_thumbnail", args=[classified.uuid]) in queue
    ground_truth.label_images(Image.objects.filter(pk=classified.pk), staff, GroundTruth.REAL, "looks right")
    said.refresh_from_db()
    assert (said.state, said.closed_by) == ("agreed", staff) and said.closed_at
    page = text_of(as_alice.get(classified.get_absolute_url()))
    assert "a person agreed with you" in page and "Their answer: <strong>Real photograph</strong>" in page


@pytest.mark.parametrize(
    ("claim", "label", "state"),
    [
        ("REAL", "REAL", "agreed"),
        ("REAL", "FAKE", "disagreed"),
        ("FAKE", "REAL", "disagreed"),
        ("UNSURE", "FAKE", "answered"),
        ("REAL", "UNUSABLE", "answered"),
        ("FAKE", "UNUSABLE", "answered"),
    ],
)
def test_every_label_answers_the_dispute(classified, as_alice, staff, claim, label, state):
    dispute(as_alice, classified, claim=claim)
    ground_truth.label_images(Image.objects.filter(pk=classified.pk), staff, GroundTruth(label), "seen")
    assert Dispute.objects.get().state == state


def test_a_label_that_was_there_already_still_answers(classified, as_alice, staff):
    images = Image.objects.filter(pk=classified.pk)
    ground_truth.label_images(images, staff, GroundTruth.FAKE, "first look")
    dispute(as_alice, classified)
    assert ground_truth.label_images(images, staff, GroundTruth.FAKE, "still") == 0
    assert Dispute.objects.get().state == "disagreed"


def test_a_second_dispute_waits_for_the_first(classified, as_alice):
    dispute(as_alice, classified)
    assert "disputed already" in text_of(dispute(as_alice, classified, claim="FAKE"))
    assert Dispute.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Dispute.objects.create(image=classified, claim="FAKE", how="x", category="other")
    as_alice.post(reverse("image_dispute_withdraw", args=[classified.uuid]))
    dispute(as_alice, classified, claim="FAKE")
    assert sorted(Dispute.objects.values_list("state", flat=True)) == ["open", "withdrawn"]


@pytest.mark.parametrize(
    "changed", [{"claim": "MAYBE"}, {"claim": ""}, {"category": "x"}, {"how": ""}, {"how": "x" * 1001}, {"agreed": ""}]
)
def test_an_incomplete_dispute_is_explained_and_not_kept(classified, as_alice, changed):
    response = dispute(as_alice, classified, **changed)
    assert response.status_code == 200 and not Dispute.objects.exists()
    assert "invalid-feedback" in text_of(response) or "error" in text_of(response)


def test_disputing_makes_a_private_picture_reviewable_and_withdrawing_consent_ends_it(classified, as_alice, as_staff):
    Image.objects.update(consent=False)
    url = reverse("image_display", args=[classified.uuid])
    assert as_staff.get(url).status_code == 404
    dispute(as_alice, classified)
    body(as_staff.get(url))
    as_alice.post(reverse("image_consent", args=[classified.uuid]), {"consent": "no"})
    assert as_staff.get(url).status_code == 404 and Dispute.objects.get().state == "withdrawn"
    assert not Image.objects.reviewable().exists()


def test_a_dispute_allows_a_look_and_no_training_unless_the_owner_says_so(classified, as_alice, staff):
    Image.objects.update(consent=False)
    assert "also be used to improve the detector" in text_of(as_alice.get(url_of_dispute(classified)))
    dispute(as_alice, classified)
    assert Image.objects.reviewable().exists() and not Image.objects.trainable().exists()
    page = text_of(as_alice.get(classified.get_absolute_url()))
    assert "because you disputed its verdict. It is not used" in page and "Use it for training, too" in page
    images = Image.objects.filter(pk=classified.pk)
    assert ground_truth.label_images(images, staff, GroundTruth.REAL, "seen") == 1, "the answer needs a label"
    assert "It is not used for training" in text_of(as_alice.get(classified.get_absolute_url()))
    assert gate.add_cases(images, staff) == 0
    as_alice.post(reverse("image_dispute_withdraw", args=[classified.uuid]))
    assert not Image.objects.reviewable().exists(), "the look ends with the dispute"


def test_a_dispute_with_consent_to_training_is_consent(classified, as_alice):
    Image.objects.update(consent=False)
    dispute(as_alice, classified, training="on")
    as_alice.post(reverse("image_dispute_withdraw", args=[classified.uuid]))
    assert Image.objects.trainable().exists()
    assert "also be used to improve" not in text_of(as_alice.get(url_of_dispute(classified))), "it was said already"


def test_there_is_nothing_to_dispute_before_the_verdict(picture, as_alice):
    assert "no verdict to dispute yet" in text_of(dispute(as_alice, picture)) and not Dispute.objects.exists()


def test_staff_label_from_the_dispute_queue(classified, as_alice, as_staff):
    dispute(as_alice, classified)
    url = reverse("admin:classifier_dispute_changelist")
    response = as_staff.post(url, {"action": "label", "_selected_action": [Dispute.objects.get().pk]})
    assert response.status_code == 302 and response.url == reverse("admin:classifier_image_relabel")
    assert list(as_staff.get(response.url).context["images"]) == [classified]


def test_the_first_page_tells_of_changed_verdicts_and_answered_disputes(classified, as_alice, as_bob, staff):
    assert "changed in the last" not in text_of(as_alice.get("/"))
    dispute(as_alice, classified)
    ground_truth.label_images(Image.objects.filter(pk=classified.pk), staff, GroundTruth.FAKE, "seen")
    Image.objects.update(changed_at=timezone.now(), previous="REAL")
    page = text_of(as_alice.get("/"))
    assert "1 of your verdicts changed" in page and "answered 1 of your disputes" in page
    assert "disputes" not in text_of(as_bob.get("/"))
    Image.objects.update(changed_at=timezone.now() - timedelta(days=20))
    assert "of your verdicts changed" not in text_of(as_alice.get("/"))


# --- Consent and retention


def test_consent_can_be_given_and_withdrawn_for_one_picture(classified, as_alice, as_bob):
    url = reverse("image_consent", args=[classified.uuid])
    assert "leaves the dataset with its next version" in text_of(as_alice.post(url, {"consent": "no"}, follow=True))
    classified.refresh_from_db()
    assert not classified.consent and not Image.objects.reviewable().exists()
    as_alice.post(url, {"consent": "yes"})
    assert Image.objects.reviewable().exists()
    assert as_bob.post(url, {"consent": "no"}).status_code == 404 and Image.objects.reviewable().exists()


def test_unconsented_images_are_deleted_after_their_time(
    upload, settings, as_alice, django_capture_on_commit_callbacks
):
    for number, (consent, days) in enumerate([(False, 8), (False, 6), (True, 80)]):
        upload((f"{number}.jpg", jpeg(number)), consent=consent)
        Image.objects.filter(name=f"{number}.jpg").update(created_at=timezone.now() - timedelta(days=days))
    assert retention.delete_expired() == 0
    settings.RETENTION_DAYS = 7
    with django_capture_on_commit_callbacks(execute=True):
        assert retention.delete_expired() == 1
    assert set(Image.objects.values_list("name", flat=True)) == {"1.jpg", "2.jpg"}
    assert len([path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]) == 2
    assert "deleted after 7 days" in " ".join(text_of(as_alice.get("/")).split())


@pytest.mark.keras
def test_the_sweep_deletes_what_is_past_its_time(picture, tiny, settings):
    from classifier import tasks

    settings.RETENTION_DAYS = 1
    Image.objects.update(consent=False, created_at=timezone.now() - timedelta(days=3))
    tasks.sweep()
    assert not Image.objects.exists()


# --- Shares


@pytest.fixture
def declared(upload, alice):
    exif = files.exif("stability.ai", place=True)
    upload(("castle.jpg", encoded(photo(200, 160), "JPEG", exif=exif)))
    return factories.judged(Image.objects.get(owner=alice))


def share(client, image, days=7):
    client.post(reverse("image_share", args=[image.uuid]), {"days": days})
    return Share.objects.latest("pk")


def test_a_link_shows_report_and_preview_to_anybody_and_nothing_else(declared, as_alice):
    link = share(as_alice, declared)
    anybody = Client()
    response = anybody.get(link.get_absolute_url())
    page = text_of(response)
    assert "noindex" in response["X-Robots-Tag"] and '<meta name="robots" content="noindex' in page
    assert "castle.jpg" in page and "AI-generated" in page and declared.sha256 in page and "It must not be used" in page
    assert "gps" not in page and "alice" not in page and str(declared.uuid) not in page
    assert "original" not in page.replace("not the original file", "")
    preview = body(anybody.get(reverse("shared_preview", args=[link.token])))
    assert preview[:3] == b"\xff\xd8\xff" and b"stability" not in preview and b"Exif" not in preview
    pdf = anybody.get(reverse("shared_pdf", args=[link.token])).content
    assert "AI-generated" in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert anybody.get(reverse("image_original", args=[declared.uuid])).status_code == 302


@pytest.mark.parametrize("ended", ["expired", "revoked", "invented", "deleted", "again"])
def test_a_link_that_ended_shows_nothing(declared, as_alice, ended, django_capture_on_commit_callbacks):
    link = share(as_alice, declared)
    token = link.token
    if ended == "expired":
        Share.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif ended == "revoked":
        as_alice.post(reverse("image_unshare", args=[declared.uuid]))
    elif ended == "invented":
        token = "x" * 32
    elif ended == "deleted":
        as_alice.post(reverse("image_delete", args=[declared.uuid]))
    else:
        as_alice.post(reverse("image_again", args=[declared.uuid]))
    for name in ("shared_preview", "shared_screen", "shared_pdf"):
        assert Client().get(reverse(name, args=[token])).status_code == 404
    response = Client().get(reverse("shared", args=[token]))
    assert response.status_code == (410 if ended in ("expired", "revoked") else 404)
    assert ("The person who shared this report has revoked the link" in text_of(response)) == (
        response.status_code == 410
    )
    assert declared.name not in text_of(response)


def test_the_shared_page_leads_with_the_credential_and_folds_the_second_opinion(declared, as_alice):
    link = share(as_alice, declared)
    page = text_of(Client().get(reverse("shared", args=[link.token])))
    order = ["evidence credential FAKE", "This decided the verdict", "A second opinion", "Score 0."]
    places = [page.split("<body")[1].index(words) for words in order]
    assert places == sorted(places)
    assert 'property="og:title" content="AI-generated: castle.jpg"' in page and "og:image" in page


def test_links_are_long_different_and_bounded_in_time(declared, as_alice, settings):
    first, second = share(as_alice, declared), share(as_alice, declared, days=3000)
    assert first.token != second.token and len(first.token) >= 32
    assert second.expires_at < timezone.now() + timedelta(days=settings.SHARE_DAYS, minutes=1)
    response = as_alice.post(reverse("image_share", args=[declared.uuid]), {"days": "soon"}, follow=True)
    assert "for how many days" in text_of(response) and Share.objects.count() == 2


def test_bob_can_neither_share_nor_revoke(declared, as_alice, as_bob):
    link = share(as_alice, declared)
    for name in ("image_share", "image_unshare"):
        assert as_bob.post(reverse(name, args=[declared.uuid]), {"days": 3}).status_code == 404
    assert Share.objects.open().get() == link


# --- Reports


def test_the_json_report_keeps_its_schema(declared, as_alice):
    report = json.loads(as_alice.get(reverse("report_json", args=[declared.uuid])).content)
    assert report["schema"] == SCHEMA
    assert set(report) == {"schema", "file", "verdict", "network", "evidence", "limits", "made"}
    assert set(report["file"]) == {"name", "sha256", "format", "bytes", "width", "height", "uploaded"}
    assert report["verdict"] == {"outcome": "FAKE", "decided_by": "generator", "previous": None, "changed": None}
    assert set(report["network"]) == {
        "outcome", "score", "fake_below", "real_above", "reason", "stability", "experience", "detector",
        "model_sha256", "analysed", "milliseconds",
    }  # fmt: skip
    generator, camera = report["evidence"][:2]
    assert set(generator) == {"kind", "strength", "direction", "summary", "details"}
    assert generator["details"]["generator"] == "Stable Diffusion" and camera["details"]["gps"] is True


def test_the_pdf_is_one_page_with_verdict_evidence_hashes_and_limits(declared, as_alice):
    Image.objects.update(name="Ёлка & <b>.jpg")
    response = as_alice.get(reverse("report_pdf", args=[declared.uuid]))
    reader = PdfReader(io.BytesIO(response.content))
    assert response["Content-Type"] == "application/pdf" and len(reader.pages) == 1
    text = reader.pages[0].extract_text()
    for wanted in ("AI-generated", "Stable Diffusion", "Ёлка & <b>.jpg", declared.sha256, "fusion-", "only evidence"):
        assert wanted in text, wanted
    assert len(reader.pages[0].images) == 1


def test_a_pdf_with_a_great_deal_of_evidence_stays_one_page(declared, as_alice):
    from classifier.models import Evidence

    Evidence.objects.bulk_create(
        Evidence(image=declared, kind="jpeg", strength="hints", direction="none", summary="long " * 110)
        for _ in range(30)
    )
    reader = PdfReader(io.BytesIO(as_alice.get(reverse("report_pdf", args=[declared.uuid])).content))
    assert len(reader.pages) == 1 and "AI-generated" in reader.pages[0].extract_text()


def test_there_is_no_report_before_the_verdict(picture, as_alice):
    for name in ("report_json", "report_pdf"):
        assert as_alice.get(reverse(name, args=[picture.uuid])).status_code == 404


# --- My data


def test_my_data_is_a_zip_with_originals_reports_and_a_table(declared, upload, as_alice, bob, as_bob):
    upload(("b.jpg", jpeg(7)), client=as_bob)
    dispute(as_alice, declared)
    response = as_alice.post(reverse("my_data"))
    assert response["Content-Disposition"] == 'attachment; filename="aidetect-my-data.zip"'
    archive = zipfile.ZipFile(io.BytesIO(body(response)))
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == sorted(
        [
            "account.json",
            "batches.json",
            "images.csv",
            f"reports/{declared.pk}.json",
            f"images/{declared.pk}-castle.jpg",
        ]
    )
    with declared.original.open("rb") as original:
        assert archive.read(f"images/{declared.pk}-castle.jpg") == original.read()
    assert json.loads(archive.read("account.json"))["email"] == "alice@example.org"
    report = json.loads(archive.read(f"reports/{declared.pk}.json"))
    assert report["disputes"][0]["how"] == SAID["how"] and report["evidence"]
    [row] = csv.DictReader(io.StringIO(archive.read("images.csv").decode()))
    assert row["sha256"] == declared.sha256 and row["verdict"] == "FAKE"


def test_a_file_name_can_be_no_formula_in_a_spreadsheet(declared):
    Image.objects.update(name='=HYPERLINK("http://evil.example")')
    lines = list(csv_rows(Image.objects.select_related("verdict__detector")))
    assert next(csv.reader([lines[1]]))[0].startswith("'=HYPERLINK")


def test_choices_are_held_by_the_database_layer_too(classified):
    said = Dispute(image=classified, claim="NO", how="", category="x")
    with pytest.raises(ValidationError):
        said.full_clean()
