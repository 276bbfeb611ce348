"""Staff label by keyboard, in real Chromium."""

import time

from tests.browser.people import log_in, sign_up
from tests.pictures import jpeg
from tests.stack import Browserless, Stack, wait_for

COUNT = 20


def test_staff_label_by_keyboard_alone(browser, stack, record_property):
    person = Browserless(stack).sign_up("generous")
    person._post("/", {"consent": "on"}, files=[("images", (f"{n}.jpg", jpeg(n, 400, 300))) for n in range(COUNT)])
    left = (
        "from classifier.models import Image; print(Image.objects.filter(owner__username='generous').pending().count())"
    )
    wait_for(lambda: stack.ask(left) == "0", 90, "all verdicts")
    context = browser.new_context(base_url=stack.address)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    log_in(page, "staff@example.org", Stack.PASSWORD)
    page.goto("/admin/classifier/image/")
    page.get_by_role("link", name="Review queue").click()
    shown = "image => image.complete && image.naturalWidth > 0"
    started = time.perf_counter()
    number = 0
    while page.locator(".review-picture").count():  # near-duplicates go together
        wait_for(lambda: page.locator(".review-picture img").evaluate(shown), 20, "the picture")
        name = page.locator(".review strong").first.inner_text()
        page.keyboard.press("rfs"[number % 3])
        page.get_by_text(f"{name}:").wait_for()
        number += 1
    assert number > COUNT / 2
    minute = 60 * number / (time.perf_counter() - started)
    record_property("labels a minute", round(minute))
    print(f"{minute:.0f} labels a minute by a scripted browser")
    assert "Nothing is left to review." in page.content()
    page.keyboard.press("u")
    page.get_by_text("your label was taken back").wait_for()
    assert page.locator(".review-picture img").count() == 1
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    in_reach = "keys => keys.getBoundingClientRect().bottom <= window.innerHeight + 1"
    assert page.locator(".keys").evaluate(in_reach), "the answers are in the thumb's reach without scrolling"
    buttons = page.locator(".keys .button")
    colours = buttons.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
    assert len(set(colours[:3])) == 3 and colours[3] not in colours[:3]
    page.screenshot(path=str(stack.folder / "review.png"))
    context.close()
    assert not complaints


def test_alice_never_reaches_the_queue(browser, stack):
    context = browser.new_context(base_url=stack.address)
    page = context.new_page()
    sign_up(page, "curious")
    page.goto("/admin/classifier/image/review/")
    assert "/admin/login/" in page.url
    context.close()
