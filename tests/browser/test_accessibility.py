"""axe-core on every page, with its menus and details open, in both themes; and the history's selection by hand."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.people import log_in, sign_up

ROWS = """
from django.contrib.auth.models import User
from classifier.labelling import disputes
from classifier.models import Claim, Image
from classifier.results import sharing, tagging
from tests import factories
from tests.pictures import encoded, photo
from tests.provenance import files
owner = User.objects.get(username="{name}")
kinds = [("REAL", 0.93, ""), ("FAKE", 0.06, ""), ("INCONCLUSIVE", 0.42, "between")]
for number, (outcome, score, reason) in enumerate(kinds):
    data = encoded(photo(1200, 800, number), "JPEG")
    factories.judged(factories.submitted(owner, outcome + ".jpg", data), outcome, score, reason=reason)
castle = files.png(image=photo(640, 480, 2), parameters=files.SETTINGS)
castle = factories.judged(factories.submitted(owner, "castle.png", castle))
mine = Image.objects.filter(owner=owner)
tagging.tag(owner, mine, ["Rome"])
mine.filter(name="REAL.jpg").update(label="FAKE")
disputes.dispute(mine.get(name="FAKE.jpg"), Claim.REAL, "I took it.", "other")
print(sharing.share(castle, 3).get_absolute_url())
print(*[image.get_absolute_url() for image in mine])
"""
OPENED = "document.querySelectorAll('details').forEach(one => { one.open = true; })"


def complaints(page, address, rules=()):
    """What axe finds on a page, with everything opened that opens. rules: those with these tags only."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.evaluate(OPENED)
    return {f"{address}: {one}" for one in violations(page, rules)}


def violations(page, rules=()):
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found = Axe().run(page, options=options).response["violations"]
    return {f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]}


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_on_any_page(browser, stack, theme, width):
    context = browser.new_context(
        base_url=stack.address, color_scheme=theme, viewport={"width": width, "height": 844}, reduced_motion="reduce"
    )
    page, found = context.new_page(), set()
    entrance = ["/", "/metrics/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
    for address in entrance:
        found |= complaints(page, address)
    sign_up(page, f"axe{theme}")
    shared, images = stack.ask(ROWS.format(name=f"axe{theme}")).strip().splitlines()
    images = images.split()
    ids = "&".join(f"image={address.split('/')[2]}" for address in images)
    pages = ["/", "/history/?layout=grid", "/history/?layout=list", "/history/?q=nothing", f"/compare/?{ids}", shared]
    pages += [
        "/account/delete/",
        "/accounts/email/",
        "/accounts/password/change/",
        "/nothing-here",
        "/accounts/logout/",
    ]
    more = "from django.urls import reverse; print(reverse('batches'), reverse('api_tokens'), reverse('mfa_index'))"
    pages += stack.ask(more).split()
    for address in [*pages, *images, f"{images[0]}dispute/"]:
        found |= complaints(page, address)
    page.evaluate("document.querySelector('img').removeAttribute('alt')")
    noticed = violations(page)
    context.close()
    assert found == set()
    assert [one.split(":")[0] for one in noticed] == ["image-alt"], "this check would notice"


def test_the_administration_keeps_the_rules_of_wcag(browser, stack):
    """Its good practice is Django's affair."""
    context = browser.new_context(base_url=stack.address)
    page, found = context.new_page(), set()
    log_in(page, "staff@example.org", stack.PASSWORD)
    for address in ("/admin/", "/admin/classifier/image/", "/admin/classifier/dispute/"):
        found |= complaints(page, address, ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa"))
    context.close()
    assert found == set()


def test_select_all_ranges_with_shift_and_tags_by_hand(page, stack):
    sign_up(page, "selector")
    stack.ask(ROWS.format(name="selector"))
    page.goto("/history/?layout=list")
    boxes = page.locator('[name="image"]')
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    assert [boxes.nth(place).is_checked() for place in range(4)] == [True, True, True, False]
    assert page.locator("#all").evaluate("box => box.indeterminate")
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Delete 4 selected").wait_for()
    page.get_by_text("Tag…").click()
    page.get_by_label("Tags for the selected images").fill("holiday, Rome")
    page.keyboard.press("Enter")
    page.get_by_text("4 images tagged “holiday”, “Rome”.").wait_for()
    assert page.url.endswith("/history/") and page.locator(".list .tags a", has_text="holiday").count() == 4
    boxes.nth(0).click()
    boxes.nth(1).click()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare/?image=*")
    assert "csrf" not in page.url and page.locator("article").count() == 2


def test_escape_and_a_click_elsewhere_close_menus(page, stack):
    sign_up(page, "closer")
    menu = page.locator("header details.menu")
    for close in (lambda: page.keyboard.press("Escape"), lambda: page.locator("h1").click()):
        menu.locator("summary").click()
        assert menu.evaluate("menu => menu.open")
        close()
        assert not menu.evaluate("menu => menu.open")
