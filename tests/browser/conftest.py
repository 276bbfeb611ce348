"""Real Chromium against the real stack."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.pictures import encoded, jpeg, photo

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
DATA = Path(__file__).parents[3] / "shared" / "data" / "metadata"
PASSWORD = "sun-and-moon-7"


def pytest_collection_modifyitems(items):
    """Every test of this folder drives Chromium and starts the stack."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.stack)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed (Debian: apt install chromium)"))


@pytest.fixture(scope="package")
def browser():
    """One Chromium for this folder; gone after it, for Playwright keeps an event loop in the thread, where Django
    then refuses its database to every later test of the process."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium refuses its own sandbox to root, which CI machines are; pages come from this machine alone.
        arguments = ["--disable-gpu"]  # its emulation costs as much as the pages
        arguments += ["--no-sandbox", "--disable-background-networking"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, stack):
    """A page that fails the test on any script error, refused resource or request to another host."""
    context = browser.new_context(base_url=stack.address)
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    foreign = re.compile(rf"^(?!{re.escape(stack.address)}|blob:|data:)")
    page.on("request", lambda request: complaints.append(request.url) if foreign.match(request.url) else None)
    yield page
    context.close()
    assert not complaints


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A photograph, a generated image and a broken file: real ones where shared/data is there, else made here."""
    folder = tmp_path_factory.mktemp("files")
    real = next(iter(sorted((DATA / "camera_exif").glob("*.jpg"))), None)
    generated = next(iter(sorted((DATA / "c2pa_ai").glob("*.png"))), None)
    (folder / "holiday.jpg").write_bytes(real.read_bytes() if real else jpeg(1, 1200, 800))
    (folder / "castle.png").write_bytes(generated.read_bytes() if generated else encoded(photo(800, 800, 2), "PNG"))
    (folder / "broken.jpg").write_bytes(jpeg(3, 400, 400)[:2000])
    return [str(folder / name) for name in ("holiday.jpg", "castle.png", "broken.jpg")]
