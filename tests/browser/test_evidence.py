"""Evidence, dispute, link, PDF, CSV, comparison, consent and takeout, in real Chromium."""

import csv
import io
import json
import zipfile

import pytest
from pypdf import PdfReader

from tests.browser.people import log_in, sign_up
from tests.pictures import encoded, photo
from tests.provenance import files as made
from tests.stack import Stack, wait_for


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A picture with a generator's text in it, and an ordinary photograph."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "castle.png").write_bytes(made.png(image=photo(640, 480, 2), parameters=made.SETTINGS))
    block = made.exif("GIMP 2.10", "Canon", "Canon EOS R5", place=True)
    (folder / "holiday.jpg").write_bytes(encoded(photo(800, 600, 3), "JPEG", quality=90, exif=block))
    return [str(folder / name) for name in ("castle.png", "holiday.jpg")]


def check(page, paths):
    page.goto("/")
    page.locator('input[type="file"]').set_input_files(paths)
    page.get_by_role("button", name=f"Check {len(paths)} image").click()
    page.wait_for_url("**/batches/*/")
    page.goto("/history/")
    wait_for(lambda: page.locator(".card-image .figure").count() == len(paths), 60, "verdicts")


def downloaded(page, act):
    with page.expect_download() as coming:
        act()
    return coming.value.path().read_bytes()


def test_evidence_dispute_report_link_and_consent(page, browser, stack, two):
    sign_up(page, "evident")
    check(page, two)
    page.get_by_role("link", name="castle.png").click()
    page.get_by_text("This decided the verdict, not the pixels.").wait_for()
    assert page.locator(".verdict-word").inner_text().strip() == "AI-generated"
    page.locator(".evidence summary").first.click()
    page.get_by_text("dreamer_v3").wait_for()

    page.get_by_text("Where the detector looked", exact=True).click()
    assert page.locator("img.heat").is_visible() and page.get_by_text("not proof.", exact=False).first.is_visible()
    width = page.locator(".stack img").first.evaluate("image => image.clientWidth")
    page.locator('label[for="zoom"]').click()
    assert page.locator(".stack img").first.evaluate("image => image.clientWidth") > 1.5 * width

    pdf = downloaded(page, lambda: page.get_by_role("link", name="PDF").click())
    assert "AI-generated" in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    report = json.loads(downloaded(page, lambda: page.get_by_role("link", name="JSON").click()))
    assert report["verdict"]["decided_by"] == "generator"

    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#link").input_value()
    stranger = browser.new_context().new_page()
    assert stranger.goto(link).status == 200
    stranger.get_by_text("AI-generated").first.wait_for()
    assert stranger.locator(".picture img").evaluate("image => image.naturalWidth") > 0
    page.get_by_role("button", name="Revoke the link").click()
    page.get_by_text("Revoked").wait_for()
    assert stranger.goto(link).status == 410
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#link").input_value()
    ended = "from classifier.models import Share; from django.utils import timezone; "
    stack.ask(ended + "Share.objects.update(expires_at=timezone.now())")
    assert stranger.goto(link).status == 410
    stranger.context.close()

    page.get_by_role("link", name="Dispute").click()
    page.get_by_label("It is a real photograph").check()
    page.get_by_label("What kind of picture is it?").select_option("product")
    page.get_by_label("How do you know?").fill("I photographed the castle myself.")
    page.get_by_label("Staff may look at this picture").check()
    page.get_by_role("button", name="Send").click()
    page.get_by_text("You disputed this verdict").wait_for()

    staff = browser.new_context(base_url=stack.address).new_page()
    log_in(staff, "staff@example.org", Stack.PASSWORD)
    staff.goto("/admin/classifier/dispute/")
    staff.get_by_text("I photographed the castle myself.").wait_for()
    mine = staff.locator("tr", has_text="I photographed the castle myself.")  # other tests dispute, too
    mine.locator(".action-select").check()
    staff.locator('select[name="action"]').select_option("label")
    staff.get_by_role("button", name="Go").click()
    staff.get_by_label("AI-generated").check()
    staff.get_by_label("Why").fill("the file says so")
    staff.get_by_role("button", name="Relabel").click()
    staff.get_by_text("relabelled as AI-generated").wait_for()
    page.reload()
    page.get_by_text("Your dispute: a person disagreed with you").wait_for()

    address = page.url
    page.get_by_role("button", name="Withdraw consent").click()
    page.get_by_text("Withdrawn: staff no longer see castle.png").wait_for()
    staff.goto(address)
    staff.get_by_text("The owner did not consent to review").wait_for()
    staff.context.close()


def test_history_filters_comparison_csv_and_takeout(page, two):
    sign_up(page, "keeper")
    check(page, two)
    page.get_by_text("More filters").click()
    page.get_by_label("Evidence in the file").select_option("generator")
    page.get_by_role("button", name="Filter").click()
    assert page.locator(".card-image .name").all_inner_texts() == ["castle.png"] and "evidence=generator" in page.url
    table = downloaded(page, lambda: page.get_by_role("link", name="CSV").click()).decode()
    assert [row["file"] for row in csv.DictReader(io.StringIO(table))] == ["castle.png"]

    page.goto("/history/")
    compare = page.get_by_role("button", name="Compare")
    assert compare.is_disabled()
    page.get_by_label("Select castle.png").check()
    page.get_by_label("Select holiday.jpg").check()
    compare.click()
    page.wait_for_url("**/compare/**")
    assert page.locator("article h2").all_inner_texts() == ["castle.png", "holiday.jpg"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    page.locator(".menu summary").first.click()
    archive = zipfile.ZipFile(
        io.BytesIO(downloaded(page, lambda: page.get_by_role("button", name="Download my data").click()))
    )
    assert len([name for name in archive.namelist() if name.startswith("images/")]) == 2

    page.goto("/history/")
    page.get_by_label("Select holiday.jpg").check()
    page.get_by_role("button", name="Analyse again").click()
    page.get_by_text("1 image will be analysed again").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_of_one_image_fit_and_follow_the_theme(browser, stack, two, width, theme):
    context = browser.new_context(base_url=stack.address, viewport={"width": width, "height": 740}, color_scheme=theme)
    page = context.new_page()
    sign_up(page, f"fits{width}{theme}")
    check(page, two)
    address = page.locator(".card-image .name").first.get_attribute("href")
    ids = "&".join(
        f"image={value}" for value in page.locator('[name="image"]').evaluate_all("all => all.map(one => one.value)")
    )
    for url in (address, f"{address}dispute/", f"/compare/?{ids}", "/history/?low=0.01"):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), url
        assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
    context.close()


def test_evidence_works_without_javascript(browser, stack, two):
    context = browser.new_context(base_url=stack.address, java_script_enabled=False)
    page = context.new_page()
    sign_up(page, "plain")
    page.locator('input[type="file"]').set_input_files(two[:1])
    page.get_by_role("button", name="Check images").click()

    page.get_by_text("A hint, not proof.", exact=True).wait_for(timeout=60_000)  # the page refreshes itself

    def drawn():  # the page no longer refreshes itself, so nothing else navigates while this does
        page.reload()
        return page.locator("img.heat").count() == 1

    wait_for(drawn, 60, "heat map by reloading alone")
    assert not page.locator("img.heat").is_visible()
    page.get_by_text("Where the detector looked", exact=True).click()
    assert page.locator("img.heat").is_visible()
    page.locator(".evidence summary").first.click()
    assert page.get_by_text("dreamer_v3").is_visible()
    context.close()
