"""The report on paper: small, one page, and clear about what decided."""

import io
import os

import pytest
from django.core.files.base import ContentFile
from PIL import Image as Picture
from pypdf import PdfReader

from classifier.models import Evidence, Image, State, Verdict
from classifier.results.pdf import as_pdf
from tests.pictures import encoded


@pytest.fixture
def judged(alice, detector):
    """A done image of alice's with a verdict of the network, and with the worst preview for a JPEG: noise."""
    image = Image.objects.create(
        owner=alice, name="дом.jpg", original="gone", sha256="a" * 64, format="JPEG", size=1000, width=1600,
        height=1200, state=State.DONE, outcome="FAKE", decided_by="network", score=0.0712,
    )  # fmt: skip
    image.verdict = Verdict.objects.create(image=image, detector=detector, score=0.0712, outcome="FAKE", milliseconds=1)
    noise = Picture.frombytes("RGB", (1600, 1200), os.urandom(1600 * 1200 * 3))
    image.display.save("display/noise.jpg", ContentFile(encoded(noise, "JPEG", quality=90)))
    return image


def page_of(content):
    [page] = PdfReader(io.BytesIO(content)).pages
    return page


def sizes(page):
    """Each piece of text with its font size."""
    found = []
    page.extract_text(visitor_text=lambda text, cm, tm, font, size: found.append((text.strip(), size * tm[0] or size)))
    return [(text, size) for text, size in found if text]


def test_the_pdf_stays_under_400_kb_even_for_a_noisy_picture(judged):
    content = as_pdf(judged, True, "Because.")
    assert len(content) < 400_000
    assert len(page_of(content).images) == 1


def test_letters_of_other_scripts_are_drawn_with_our_own_font(judged):
    page = page_of(as_pdf(judged, True, "Because."))
    assert "дом.jpg" in page.extract_text()
    fonts = {font.get_object()["/BaseFont"] for font in page["/Resources"]["/Font"].values()}
    assert any("DejaVuSans" in name for name in fonts)


def test_when_the_network_decides_its_experience_is_said(judged):
    text = page_of(as_pdf(judged, True, "Because.")).extract_text()
    seen = judged.verdict.experience
    assert f"Of {seen['n']:,} held-out images with a score like this, {seen['fake']:.0%} were AI-generated." in text
    assert "Second opinion" not in text


def test_when_the_file_decides_the_networks_score_is_a_second_opinion(judged):
    said = "Signed by Example Camera Ltd. This decided the verdict, not the pixels."
    judged.decided_by, judged.outcome = "c2pa", "REAL"
    page = page_of(as_pdf(judged, True, said))
    text = " ".join(page.extract_text().split())
    assert text.index("Real photograph") < text.index(said) < text.index("Second opinion")
    assert "would say “AI-generated”, score 0.07" in text and "held-out images with a score" not in text
    size_of = {words: size for text, size in sizes(page) for words in ("Signed by", "Second opinion") if words in text}
    assert size_of["Signed by"] > size_of["Second opinion"]


def test_what_a_person_said_stands_in_the_report(judged):
    judged.label = "REAL"
    text = " ".join(page_of(as_pdf(judged, True, "Because.")).extract_text().split())
    assert "A person here who looked at it says that it is a real photograph." in text


def test_a_missing_preview_is_left_out(judged):
    judged.display.storage.delete(judged.display.name)
    assert not page_of(as_pdf(judged, True, "Because.")).images


def test_limits_and_hashes_are_there_however_much_evidence_there_is(judged):
    Evidence.objects.bulk_create(
        Evidence(image=judged, kind="jpeg", strength="hints", direction="none", summary="<long> & wide " * 42)
        for _ in range(40)
    )
    text = " ".join(page_of(as_pdf(judged, True, "Because.")).extract_text().split())
    assert "32 more in the JSON report" in text and "It must not be used" in text and "a" * 64 in text
