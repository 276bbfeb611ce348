"""One turn of the loop in real Chromium: upload, dispute, label, freeze, train, compare, promote, notice, roll back."""

import re

import pytest

from tests.browser.people import log_in, sign_up
from tests.pictures import jpeg
from tests.stack import Browserless, Stack, wait_for

COUNT = 12
PATIENCE = 90_000
"""Milliseconds: two cores judge, train and draw at once here."""
CANDIDATES = """
from classifier import wakeups
from classifier.registry import detectors
from tests.loop import another
active = detectors.active()
another(active, "accuses-all", fake_below=0.9999, real_above=0.99995, largest_jump=None)
another(active, "says-real", fake_below=0.0, real_above=0.00001, largest_jump=None)
"""
CHANGED = (
    "from classifier.models import Image; "
    "print(*Image.objects.filter(owner__username='alice').exclude(previous='').values_list('name', flat=True))"
)
DONE = "from classifier.models import Image; print(Image.objects.filter(state='done').count())"


@pytest.fixture
def stack(loop_stack):
    return loop_stack


def uploaded(stack, name, numbers):
    person = Browserless(stack).sign_up(name)
    files = [("images", (f"{n}.jpg", jpeg(n, 420, 320))) for n in numbers]
    person._post("/", {"consent": "on"}, files=files)


def label_everything(page):
    """By keyboard: even numbers are real, odd ones generated."""
    page.goto("/admin/classifier/image/review/")
    while page.locator(".review-picture").count():  # near-duplicates go together
        wait_for(lambda: page.locator(".review-picture img").evaluate("i => i.complete && i.naturalWidth > 0"), 20)
        name = page.locator(".review strong").first.inner_text()
        page.keyboard.press("rf"[int(name.split(".")[0]) % 2])
        page.get_by_text(f"{name}:").wait_for()


def test_from_a_wrong_verdict_to_another_detector_and_back(browser, stack):
    uploaded(stack, "alice", range(COUNT))
    uploaded(stack, "bob", range(COUNT, 2 * COUNT))
    wait_for(lambda: stack.ask(DONE) == str(2 * COUNT), 120, "all verdicts")

    alice = browser.new_context(base_url=stack.address).new_page()
    alice.set_default_timeout(PATIENCE)
    log_in(alice, "alice", "sun-and-moon-7")
    alice.goto("/history/")
    alice.locator(".card-image a").first.click()
    alice.get_by_role("link", name=re.compile("Dispute|wrong", re.I)).first.click()
    alice.get_by_label("It is a real photograph").check()
    alice.get_by_label("What kind of picture is it?").select_option("rendering")
    alice.get_by_label("How do you know?").fill("I drew it with a formula.")
    alice.get_by_label("Staff may look at this picture").check()
    alice.get_by_role("button", name="Send").click()
    alice.get_by_text("You disputed this verdict").wait_for()

    context, complaints = browser.new_context(base_url=stack.address), []
    staff = context.new_page()
    staff.set_default_timeout(PATIENCE)
    staff.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    staff.on("pageerror", lambda error: complaints.append(str(error)))
    log_in(staff, "staff@example.org", Stack.PASSWORD)
    staff.goto("/admin/")
    staff.get_by_role("link", name="Review", exact=True).click()
    staff.locator(".review-picture").wait_for()
    assert "I drew it with a formula." in staff.content(), staff.content()[-6000:]  # what is disputed comes first
    label_everything(staff)
    assert "Nothing is left to review." in staff.content()

    staff.goto("/admin/classifier/datasetversion/")
    staff.get_by_role("button", name="Freeze").click()
    staff.get_by_text(f"Dataset 1 is frozen: {2 * COUNT} images.").wait_for()

    staff.goto("/admin/classifier/trainingrun/add/")
    staff.get_by_label("Architecture:").select_option("cnn32")
    staff.get_by_label("Name:").fill("learner")
    staff.get_by_label("Epochs:").fill("2")
    staff.get_by_role("button", name="Start training").click()
    staff.get_by_role("heading", name="Train for up to 60 minutes?").wait_for()
    staff.get_by_role("button", name="Yes, start the training").click()
    staff.wait_for_url("**/change/")
    staff.evaluate("window.same = true")
    staff.get_by_text("Running", exact=True).wait_for(timeout=60_000)
    staff.locator("svg.curve").first.wait_for(timeout=90_000)
    staff.get_by_role("link", name="See the detector").wait_for(timeout=120_000)
    assert staff.evaluate("window.same") is True, "progress is seen without a reload"
    staff.get_by_role("link", name="See the detector").click()
    staff.get_by_text("What each threshold costs").wait_for()
    staff.locator("#at").fill("0")
    staff.get_by_text("Real photographs accused: 0 %").wait_for()

    stack.ask(CANDIDATES)
    staff.goto("/admin/classifier/detector/")
    staff.get_by_role("link", name="accuses-all").click()
    staff.get_by_role("link", name="Promote…").click()
    staff.get_by_role("button", name="Measure both now").click()
    staff.get_by_role("heading", name="The gate refuses").wait_for(timeout=120_000)
    staff.get_by_text("Real photographs called AI rises from").wait_for(timeout=120_000)  # the page reloads itself

    staff.goto("/admin/classifier/detector/")
    staff.get_by_role("link", name="says-real").click()
    staff.get_by_role("link", name="Promote…").click()
    staff.get_by_role("button", name="Measure both now").click()
    staff.get_by_role("button", name="Promote says-real").click(timeout=120_000)
    staff.get_by_text("says-real is active").wait_for()

    wait_for(lambda: stack.ask(CHANGED), 90, "history re-scored")
    changed = stack.ask(CHANGED).split()[0]
    alice.goto("/history/")
    card = alice.locator(".card-image").filter(has=alice.get_by_text(changed, exact=True))
    card.get_by_text("changed").wait_for()
    card.locator("a").first.click()
    alice.get_by_text("The verdict changed").wait_for()

    staff.goto("/admin/classifier/detector/")
    staff.get_by_role("button", name=re.compile("Roll back to")).click()
    staff.get_by_text("Rolled back:").wait_for()
    staff.goto("/admin/classifier/promotion/")
    staff.get_by_text("rolled back").wait_for()
    pending = "from classifier.models import Rescoring; print(Rescoring.objects.open().count())"
    wait_for(lambda: stack.ask(pending) == "0", 90, "history judged as before")
    alice.reload()
    alice.get_by_text("it was “Real photograph”").wait_for()
    for page in ("detector/", "trainingrun/1/change/", "detector/2/change/", "detector/compare/"):
        staff.set_viewport_size({"width": 360, "height": 740})
        staff.goto(f"/admin/classifier/{page}")
        assert staff.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page
    context.close()
    assert not complaints


def test_the_owner_of_nothing_sees_none_of_it(browser, stack):
    page = browser.new_context(base_url=stack.address).new_page()
    sign_up(page, "mallory")
    for place in ("drift/", "classifier/detector/", "classifier/trainingrun/", "classifier/importbatch/add/"):
        page.goto(f"/admin/{place}")
        assert "/admin/login/" in page.url
