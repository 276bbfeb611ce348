"""`make pictures`: the picture in the README, made again from the pages as they are, and with `--all FOLDER` every page
in two widths and themes, to look at. Needs Chromium; a database and a server of its own, yours are left alone."""

import argparse
import io
import os
import tempfile
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

README_PICTURE = Path(__file__).parent.parent / "static" / "verdict.png"
SIZES = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
NAME = "pictures"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every page, in two widths and themes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settle_in(Path(folder))
        images = judged_images()
        server = served()
        address = f"http://127.0.0.1:{server.server_port}"
        with chromium() as browser:
            shot(browser, address, images["mountains.png"], (1180, "light"), README_PICTURE, height=776)
            for url, name in pages(images) if options.all else []:
                for size in SIZES:
                    options.all.mkdir(parents=True, exist_ok=True)
                    shot(browser, address, url, size, options.all / f"{name}-{size[0]}-{size[1]}.png")
        server.shutdown()
    smaller(README_PICTURE)


def settle_in(folder):
    """A Django of our own in an empty folder."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "aidetect.settings",
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "MEDIA_ROOT": f"{folder}/media",
        "RUN_DIR": f"{folder}/run",
        "DEBUG": "true",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright keeps an event loop in this thread
    }
    import django

    django.setup()
    from django.core.management import call_command

    from classifier import wakeups
    from classifier.registry import detectors

    call_command("migrate", verbosity=0)
    detectors.install_shipped()
    wakeups.current_app.send_task = lambda *arguments, **options: None  # there is no broker


def mountains():
    """A landscape drawn by this function, under a generator's settings: nobody's picture but ours."""
    import numpy as np
    from PIL import Image, ImageDraw

    width, height = 1200, 800
    sky = np.linspace([112, 165, 214], [178, 219, 232], height)[:, None].repeat(width, axis=1)
    picture = Image.fromarray(sky.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((850, 150, 990, 290), fill=(255, 238, 200))
    ridges = [
        ((132, 143, 196), [(0, 560), (240, 300), (420, 470), (640, 170), (930, 520), (1200, 330)]),
        ((70, 122, 128), [(0, 660), (330, 500), (620, 630), (900, 510), (1200, 640)]),
        ((40, 82, 78), [(0, 720), (620, 640), (1200, 740)]),
    ]
    for colour, ridge in ridges:
        draw.polygon([(0, height), *ridge, (width, height)], fill=colour)
    grain = np.random.default_rng(7).normal(0, 5, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


def judged_images():
    """Images of a person's, judged by the active detector; their addresses by name."""
    from django.contrib.auth.models import User

    from classifier.models import Image
    from classifier.worker import loop
    from tests import factories
    from tests.pictures import encoded, photo
    from tests.provenance import files

    owner = User.objects.create_user(NAME, f"{NAME}@example.org", None)
    factories.submitted(owner, "mountains.png", files.png(image=mountains(), parameters=files.SETTINGS))
    for number in range(4):
        factories.submitted(owner, f"waves {number}.jpg", encoded(photo(1200, 800, number), "JPEG"), consent=True)
    loop.classify_waiting(8)
    Image.objects.filter(name="waves 1.jpg").update(label="FAKE")
    return {image.name: image.get_absolute_url() for image in Image.objects.filter(owner=owner)}


def pages(images):
    ids = "&".join(f"image={address.split('/')[2]}" for address in images.values())
    yield from (("/", "upload"), ("/history/?layout=grid", "history"), ("/history/?layout=list", "history-list"))
    yield from ((f"/compare/?{ids}", "compare"), ("/metrics/", "metrics"), ("/account/delete/", "delete-account"))
    yield from ((address, f"image-{name.split('.')[0].replace(' ', '-')}") for name, address in images.items())


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        """Nothing."""


class Server(ThreadingHTTPServer, WSGIServer):
    daemon_threads = True


def served():
    """The site in threads of this process."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.wsgi import get_wsgi_application

    ServerHandler.http_version = "1.1"
    server = Server(("127.0.0.1", 0), Quiet)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class chromium:  # noqa: N801  # used as a function
    def __enter__(self):
        from playwright.sync_api import sync_playwright

        from tests.browser.conftest import CHROMIUM

        self.playwright = sync_playwright().start()
        arguments = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        self.browser = self.playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        return self.browser

    def __exit__(self, *error):
        self.browser.close()
        self.playwright.stop()


def shot(browser, address, url, size, path, height=None):
    """height: only so much of the page from its top."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(username=NAME))
    width, theme = size
    view = {"width": width, "height": height or 844}
    context = browser.new_context(viewport=view, color_scheme=theme, reduced_motion="reduce")
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
    page = context.new_page()
    page.goto(address + url)
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    page.screenshot(path=path, full_page=height is None)
    context.close()
    print(path)


def smaller(path):
    """256 colours are enough for a README."""
    from PIL import Image

    buffer = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
    path.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    main()
