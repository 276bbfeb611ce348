"""The landing page with its examples, and the pages that say what this is."""

import json

import pytest
from django.conf import settings as site_settings

from classifier.provenance.inspection import inspect
from classifier.results import examples

pytestmark = pytest.mark.django_db

NAMES = sorted(examples.PICTURES)


def test_the_landing_page_shows_three_real_verdicts_the_evidence_and_the_metrics(client):
    page = client.get("/").content.decode()
    for name in NAMES:
        assert f'href="/examples/{name}/"' in page
    assert page.count('class="chip"') == 3
    assert "Content Credentials" in page and 'href="/metrics/"' in page and 'href="/how-to-read/"' in page


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_the_page_of_a_verdict_with_its_source(client, name):
    page = client.get(f"/examples/{name}/").content.decode()
    example = examples.named(name)
    assert example.image.get_outcome_display() in page and "CC0" in page and f"examples/{name}.jpg" in page
    assert "How we know" in page or "A second opinion" in page
    assert "A hint, not proof" in page
    for absent in ("Delete", "Dispute", "Analyse again"):
        assert absent not in page


def test_the_examples_show_three_different_verdicts_and_one_that_the_file_decides():
    images = [example.image for example in examples.all_of_them()]
    assert {image.outcome for image in images} == {"REAL", "FAKE", "INCONCLUSIVE"}
    assert examples.named("painted").image.decided_by == "iptc"
    assert examples.named("cat").image.decided_by == "network"


def test_the_examples_are_small_and_were_judged_by_the_detector_that_is_shipped():
    choices = json.loads((site_settings.SHIPPED_DETECTORS / "choices.json").read_text())
    for example in examples.all_of_them():
        assert (site_settings.EXAMPLES / f"{example.name}.jpg").stat().st_size < 100_000
        assert example.image.verdict.detector.version == choices["thorough"], "run manage.py judge_examples"


def test_the_generated_example_declares_that_it_is():
    data = (site_settings.EXAMPLES / "painted.jpg").read_bytes()
    assert any(piece.direction == "AI" and piece.strength == "declares" for piece in inspect(data))


def test_an_example_that_does_not_exist_is_not_found(client):
    assert client.get("/examples/dog/").status_code == 404


@pytest.mark.keras
def test_judging_the_examples_again_gives_what_is_written_down(tmp_path, detector):
    """By the quick detector, which tests use: other scores, but the same files and keys, and the file decides alike."""
    from classifier.worker.judging_examples import judge_examples

    for name in NAMES:
        (tmp_path / f"{name}.jpg").write_bytes((site_settings.EXAMPLES / f"{name}.jpg").read_bytes())
    assert [line.split(":")[0] for line in judge_examples(detector, tmp_path)] == list(examples.PICTURES)
    told, kept = (json.loads((folder / examples.VERDICTS).read_text()) for folder in (tmp_path, site_settings.EXAMPLES))
    assert told.keys() == kept.keys() and told["cat"].keys() == kept["cat"].keys()
    assert (told["painted"]["outcome"], told["painted"]["decided_by"]) == ("FAKE", "iptc")


PAGES = ["/how-to-read/", "/privacy/", "/contact/"]


@pytest.mark.parametrize("address", PAGES)
def test_the_pages_are_for_everybody_and_linked_at_the_foot(client, as_alice, address):
    assert f'href="{address}"' in client.get("/").content.decode()
    for reader in (client, as_alice):
        assert reader.get(address).status_code == reader.head(address).status_code == 200
    assert client.post(address).status_code == 405


def test_contact_and_source_come_from_the_settings(client, settings):
    page = client.get("/contact/").content.decode()
    assert "has named no address" in page and "mailto:" not in page
    settings.CONTACT, settings.SOURCE_URL = "desk@example.org", "https://example.org/source"
    page = client.get("/contact/").content.decode()
    assert 'href="mailto:desk@example.org"' in page
    assert page.count('href="https://example.org/source"') == 2
    settings.CONTACT = "https://example.org/contact"
    assert 'href="https://example.org/contact"' in client.get("/contact/").content.decode()


def test_the_privacy_page_says_what_this_site_does(client, settings):
    page = client.get("/privacy/").content.decode()
    assert "after 60 minutes" in page and "stays until you delete it" in page and "Nobody but you" in page
    settings.RETENTION_DAYS, settings.GUEST_CHECKS, settings.REVIEW_SCOPE = 30, False, "all"
    page = client.get("/privacy/").content.decode()
    assert "deleted after 30 days" in page and "Without an account" not in page and "may review all" in page


def test_how_to_read_quotes_the_active_detectors_own_error_rates(client):
    page = client.get("/how-to-read/").content.decode()
    assert "Of 100 real photographs" in page and "examples/cat.jpg" in page
