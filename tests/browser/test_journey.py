"""One person's whole journey, in real Chromium against the real stack; and every page at two widths and themes."""

import re

import pytest

from tests.browser.conftest import PASSWORD
from tests.browser.people import log_in, sign_up
from tests.pictures import jpeg
from tests.stack import Stack, wait_for

FILES = """
from pathlib import Path
from django.conf import settings
from classifier.models import Image
print(Image.objects.filter(owner__username="walker").count())
mine = {settings.MEDIA_ROOT / file.name for image in Image.objects.all() for file in image.files if file}
there = {path for name in ("uploads", "derived") for path in (settings.MEDIA_ROOT / name).rglob("*") if path.is_file()}
walker = {settings.MEDIA_ROOT / file.name for image in Image.objects.filter(owner__username="walker")
    for file in image.files if file}
print(len(walker & there))
print(len(there - mine))
"""


def rows_files_and_orphans(stack):
    """Of walker: rows and their files; and files that belong to no row at all."""
    return tuple(int(word) for word in stack.ask(FILES).split())


def test_from_sign_up_to_deletion(page, browser, stack, files):
    sign_up(page, "walker")
    page.get_by_label("My images may be reviewed").check()
    page.locator('input[type="file"]').set_input_files(files)
    page.get_by_text("3 images chosen.").wait_for()
    page.get_by_role("button", name="Check 3 images").click()
    page.wait_for_url("**/batches/*/")
    page.get_by_text("2 accepted, 1 refused: show").click()
    assert "broken.jpg: the file is damaged or incomplete" in page.locator(".refusals").inner_text()
    page.get_by_text(re.compile("^2 pictures: ")).wait_for(timeout=90_000)
    page.goto("/history/")
    verdicts = page.locator(".card-image .chip", has_text=re.compile("Real photograph|AI-generated|Inconclusive"))
    wait_for(lambda: verdicts.count() == 2, 60, "two verdicts in the history, by polling alone")
    assert sorted(page.locator(".card-image .name").all_inner_texts()) == ["castle.png", "holiday.jpg"]

    page.get_by_role("link", name="holiday.jpg").click()
    page.get_by_text("A hint, not proof.", exact=True).wait_for()
    page.locator("details.know > summary").first.click()
    score = float(page.locator(".ends strong").inner_text())
    assert 0 <= score <= 1
    loaded = "image => image.complete && image.naturalWidth > 0"
    wait_for(lambda: page.locator(".picture img").first.evaluate(loaded), 20, "the picture")

    staff = browser.new_context(base_url=stack.address).new_page()
    log_in(staff, "staff@example.org", Stack.PASSWORD)
    staff.goto("/admin/classifier/image/?q=holiday")
    staff.get_by_role("link", name="holiday.jpg").first.click()  # the newest: others have one of that name
    staff.get_by_role("link", name="Relabel").click()
    staff.get_by_label("Real photograph").check()
    staff.get_by_label("Why").fill("taken by a known camera")
    staff.get_by_role("button", name="Relabel").click()
    staff.get_by_text("1 image relabelled as Real photograph.").wait_for()
    assert "taken by a known camera" in staff.content()
    staff.context.close()

    wait_for(lambda: rows_files_and_orphans(stack) == (2, 9, 0), 60, "four files each, and the larger one's for phones")
    page.goto("/account/delete/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Delete everything").click()
    page.get_by_text("Your account and everything in it were deleted.").wait_for()
    wait_for(lambda: rows_files_and_orphans(stack) == (0, 0, 0), 5, "no row and no file of walker's")


def test_one_upload_shows_its_verdict_without_a_reload(page, files):
    sign_up(page, "single")
    page.locator('input[type="file"]').set_input_files(files[:1])
    page.get_by_role("button", name="Check 1 image").click()
    page.wait_for_url("**/images/**")
    page.evaluate("window.same = true")
    page.get_by_text("A hint, not proof.", exact=True).wait_for()
    assert page.evaluate("window.same") is True
    for name in ("Make a link", "Analyse again", "Let staff look"):
        assert page.get_by_role("button", name=name).is_visible(), f"{name} arrives with the verdict"
    assert page.get_by_role("link", name="Dispute", exact=True).is_visible()
    word = page.locator(".verdict-word").inner_text().strip()
    assert page.title().startswith(f"{word}: holiday.jpg") and "favicon-" in page.locator("#favicon").get_attribute(
        "href"
    )
    assert page.locator("#told").text_content().strip() == f"Verdict: {word}."
    page.get_by_text("Where the detector looked", exact=True).wait_for()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.wait_for_timeout(1500)
    assert not requests, "polling goes on after the verdict"


def test_all_of_it_works_without_javascript(browser, stack, files):
    context = browser.new_context(base_url=stack.address, java_script_enabled=False)
    page = context.new_page()
    sign_up(page, "noscript")
    page.locator('input[type="file"]').set_input_files(files[:2])
    page.get_by_role("button", name="Check images").click()
    page.wait_for_url("**/batches/*/")
    page.goto("/history/")

    def judged():
        page.reload()
        return page.locator(".card-image .chip", has_text=re.compile("Real|AI|Inconclusive")).count() == 2

    wait_for(judged, 60)
    page.get_by_label("Select castle.png").check()
    page.get_by_role("button", name="Delete selected").click()
    page.get_by_text("1 image deleted").wait_for()
    assert page.locator(".card-image .name").all_inner_texts() == ["holiday.jpg"]
    context.close()


def test_chosen_files_can_be_removed_and_a_bad_one_is_explained_in_place(page, files):
    sign_up(page, "chooser")
    page.locator('input[type="file"]').set_input_files(files)
    page.get_by_role("button", name="Remove holiday.jpg").click()
    page.get_by_role("button", name="Remove castle.png").click()
    page.get_by_role("button", name="Check 1 image").click()
    page.get_by_text("broken.jpg: the file is damaged or incomplete").wait_for()
    assert page.url.endswith("/")


def test_keyboard_alone_is_enough(page, files):
    sign_up(page, "typist")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "file":
            break
    assert page.evaluate("document.activeElement.type") == "file"
    page.locator('input[type="file"]').set_input_files(files[:1])
    page.get_by_role("button", name="Check 1 image").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/images/**")
    page.locator(".menu summary").first.press("Enter")
    page.keyboard.press("Escape")
    assert not page.locator("details.menu").first.evaluate("menu => menu.open")


CONTRASTS = """() => [...document.querySelectorAll("details.menu .sheet :is(a, button)")].map(one => {
  const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  let behind = one;
  while (/, 0\\)$|transparent/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const both = [getComputedStyle(one).color, getComputedStyle(behind).backgroundColor].map(light).sort((a, b) => b - a);
  return [one.textContent.trim(), (both[0] + 0.05) / (both[1] + 0.05)];
})"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_word_in_an_open_menu_is_readable(browser, stack, files, theme):
    context = browser.new_context(base_url=stack.address, color_scheme=theme)
    page = context.new_page()
    sign_up(page, f"reader{theme}")
    page.locator('input[type="file"]').set_input_files(files[:1])
    page.get_by_role("button", name="Check 1 image").click()
    page.get_by_text("A hint, not proof.", exact=True).wait_for()
    page.evaluate("document.querySelectorAll('details.menu').forEach(menu => { menu.open = true; })")
    measured = dict(page.evaluate(CONTRASTS))
    context.close()
    assert {"Delete this image", "Log out"} <= set(measured)
    assert {name: value for name, value in measured.items() if value < 4.5} == {}


def test_on_a_phone_the_verdict_is_on_the_first_screen(browser, stack, tmp_path):
    context = browser.new_context(base_url=stack.address, viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_up(page, "pedestrian")
    (tmp_path / "tall.jpg").write_bytes(jpeg(5, 600, 1400))
    page.locator('input[type="file"]').set_input_files(str(tmp_path / "tall.jpg"))
    page.get_by_role("button", name="Check 1 image").click()
    page.get_by_text("A hint, not proof.", exact=True).wait_for()
    height = page.locator(".picture .frame").evaluate("frame => frame.getBoundingClientRect().height")
    word = page.locator(".verdict-word").evaluate("word => word.getBoundingClientRect().bottom")
    context.close()
    assert 0 < height <= 0.4 * 844 + 1 and word < 844


PAGES = [
    "/",
    "/history/",
    "/metrics/",
    "/accounts/password/change/",
    "/accounts/email/",
    "/account/delete/",
    "/nothing-here",
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_fits_and_follows_the_theme(browser, stack, width, theme):
    context = browser.new_context(
        base_url=stack.address, viewport={"width": width, "height": 740}, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    visited = ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
    check = [(url, page.goto(url)) and fits(page, theme) for url in visited]
    sign_up(page, f"viewer{width}{theme}")
    check += [page.goto(url) and fits(page, theme) for url in PAGES]
    context.close()
    assert check == [(True, theme)] * (len(visited) + len(PAGES))


def fits(page, theme):
    wide = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    return wide, page.evaluate("document.documentElement.dataset.bsTheme")


def test_the_first_paint_is_light(browser, stack):
    """CSS, scripts and fonts of the landing page, as they travel: under 100 kB."""
    context = browser.new_context(base_url=stack.address)
    page, sizes = context.new_page(), {}
    page.on(
        "requestfinished",
        lambda request: (
            sizes.update({request.url: request.sizes()["responseBodySize"]})
            if request.resource_type in ("stylesheet", "script", "font")
            else None
        ),
    )
    page.goto("/", wait_until="networkidle")
    context.close()
    assert sizes and sum(sizes.values()) < 100_000, sizes
