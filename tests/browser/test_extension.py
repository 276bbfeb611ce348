"""The browser extension in real Chromium: options, a picture's way to the user's own server, the badge."""

import functools
import hashlib
import json
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.conftest import CHROMIUM
from tests.pictures import jpeg
from tests.stack import wait_for
from tests.test_layers import ROOT

SOURCE = ROOT / "extension"
MAKE = """
from django.contrib.auth.models import User
from classifier.accounts import tokens
from classifier.models import Scope
owner, _ = User.objects.get_or_create(username="surfer")
print(tokens.create(owner, "extension", list(Scope), 1)[1])
"""
TAB = "async (url) => (await chrome.tabs.query({})).find((tab) => tab.url === url).id"
CHECK = "([srcUrl, id]) => chrome.runtime.sendMessage({ type: 'again', info: { srcUrl, frameId: 0 }, tab: { id } })"
"""As the popup asks for it; that wakes the extension's worker, which the browser ends when it is idle."""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Somebody's page with a picture of its own and one of another host, which lets no page read it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "own.jpg").write_bytes(jpeg(701, 320, 240))
    (folder / "foreign.jpg").write_bytes(jpeg(702, 320, 240))
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    port = server.server_address[1]
    foreign = f"http://localhost:{port}/foreign.jpg"
    (folder / "index.html").write_text(f'<h1>News</h1><img src="own.jpg" alt=""><img src="{foreign}" alt="">')
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{port}/", foreign
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def chromium(browser, tmp_path_factory):
    """Chromium with the extension, to which 127.0.0.1 was granted."""
    folder = tmp_path_factory.mktemp("extension")
    shutil.copytree(SOURCE, folder / "extension")
    manifest = json.loads((SOURCE / "manifest.json").read_text())
    (folder / "extension/manifest.json").write_text(
        json.dumps({**manifest, "host_permissions": ["http://127.0.0.1/*"]})
    )
    context = start(browser, folder / "extension", folder / "profile")
    context.home = worker_of(context).url.removesuffix("background.js")
    yield context
    context.close()


def start(browser, extension, profile):
    arguments = [f"--disable-extensions-except={extension}", f"--load-extension={extension}", "--disable-gpu"]
    arguments += ["--no-sandbox", "--disable-background-networking"] if os.geteuid() == 0 else []
    return browser.browser_type.launch_persistent_context(
        str(profile), executable_path=CHROMIUM, headless=True, args=arguments,
        ignore_default_args=["--disable-extensions"],
    )  # fmt: skip


@pytest.fixture(autouse=True)
def tidy(request):
    """Each test leaves no tab behind: the next one finds its own by the address."""
    yield
    if "chromium" in request.fixturenames:
        for page in request.getfixturevalue("chromium").pages[1:]:
            page.close()


@pytest.fixture
def control(chromium):
    """A page of the extension's own, with its rights."""
    page = chromium.new_page()
    page.goto(f"{chromium.home}popup.html")
    return page


def worker_of(context):
    return context.service_workers[0] if context.service_workers else context.wait_for_event("serviceworker")


def test_options_then_a_verdict_beside_the_picture(chromium, control, stack, site):
    folder, address, _ = site
    options = chromium.new_page()
    options.goto(f"{chromium.home}options.html")
    options.get_by_label("Address of your server").fill("http://example.org")
    options.get_by_label("API token").fill("wrong")
    options.get_by_role("button", name="Save and test").click()
    options.get_by_text("must begin with https://").wait_for()
    options.get_by_label("Address of your server").fill(f"{stack.address}/somewhere")
    options.get_by_role("button", name="Save and test").click()
    options.get_by_text("Send a token that works").wait_for()
    options.get_by_label("API token").fill(stack.ask(MAKE))
    options.get_by_role("button", name="Save and test").click()
    options.get_by_text("as surfer").wait_for()

    page = chromium.new_page()
    page.goto(address)
    control.evaluate(CHECK, [f"{address}own.jpg", control.evaluate(TAB, page.url)])
    badge = page.locator("aidetect-badge")
    badge.get_by_text("A strong hint, not proof.").wait_for(timeout=90_000)
    word = badge.locator("strong").inner_text()
    assert word[2:] in ("Real photograph", "AI-generated", "Inconclusive")
    digest = hashlib.sha256((folder / "own.jpg").read_bytes()).hexdigest()
    mine = f"Image.objects.get(sha256='{digest}', owner__username='surfer').uuid"
    told = f"from classifier.models import Image; print({mine})"
    link = badge.get_by_role("link", name="See the evidence").get_attribute("href")
    assert link == f"{stack.address}/images/{stack.ask(told)}/"
    assert control.evaluate("chrome.action.getBadgeText({})") in ("", "AI", "REAL", "?")
    badge.get_by_role("button", name="Close").click()
    assert badge.count() == 0

    popup = chromium.new_page()
    popup.goto(f"{chromium.home}popup.html")
    popup.get_by_role("link", name="See the evidence").wait_for()


def test_a_picture_that_is_not_kept(chromium, control, stack, site):
    folder, address, _ = site
    (folder / "own.jpg").write_bytes(jpeg(703, 320, 240))
    known = {"server": stack.address, "token": stack.ask(MAKE), "keep": False}
    control.evaluate("(known) => chrome.storage.local.set(known)", known)
    page = chromium.new_page()
    page.goto(address)
    badge = page.locator("aidetect-badge")
    tab = control.evaluate(TAB, page.url)

    def says_it():
        control.evaluate(CHECK, [f"{address}own.jpg", tab])
        return "A strong hint, not proof." in badge.locator("div").first.inner_text()  # the host itself shows none

    wait_for(says_it, 200, "a verdict, once the worker has time")
    assert badge.get_by_role("link").count() == 0
    digest = hashlib.sha256((folder / "own.jpg").read_bytes()).hexdigest()
    rows = f"from classifier.models import Image; print(Image.objects.filter(sha256='{digest}').count())"
    assert stack.ask(rows) == "0"


def test_another_host_is_read_only_once_it_is_allowed(chromium, control, stack, site):
    _, address, foreign = site
    known = {"server": stack.address, "token": stack.ask(MAKE), "keep": True}
    control.evaluate("(known) => chrome.storage.local.set(known)", known)
    page = chromium.new_page()
    page.goto(address)
    control.evaluate(CHECK, [foreign, control.evaluate(TAB, page.url)])
    page.locator("aidetect-badge").get_by_text("One more click").wait_for()
    popup = chromium.new_page()
    popup.goto(f"{chromium.home}popup.html")
    popup.get_by_text("Let aidetect read pictures from there?").wait_for()
    assert popup.get_by_role("button", name="Allow and check").is_visible()


def test_a_server_that_does_not_answer_gets_a_sentence(chromium, control, site):
    _, address, _ = site
    known = {"server": "http://127.0.0.1:9", "token": "aidetect_x", "keep": True}
    control.evaluate("(known) => chrome.storage.local.set(known)", known)
    page = chromium.new_page()
    page.goto(address)
    control.evaluate(CHECK, [f"{address}own.jpg", control.evaluate(TAB, page.url)])
    page.locator("aidetect-badge").get_by_text("127.0.0.1:9 does not answer.").wait_for()


def test_as_it_comes_it_may_reach_no_host_and_opens_its_options(browser, tmp_path):
    context = start(browser, SOURCE, tmp_path / "profile")
    try:
        worker = worker_of(context)
        assert worker.evaluate("chrome.permissions.getAll()")["origins"] == []
        opened = "async () => (await chrome.tabs.query({})).some((tab) => tab.url?.endsWith('/options.html'))"
        wait_for(lambda: worker.evaluate(opened), 20, "the options")
    finally:
        context.close()
