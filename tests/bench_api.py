"""Part of `make bench`: the programming interface beside the web form, on the same stack."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.pictures import jpeg

MAKE = """
from django.contrib.auth.models import User
from classifier.accounts import tokens
from classifier.models import Scope
print(tokens.create(User.objects.get(username="bench"), "bench", list(Scope), 1)[1])
"""
FILES, SENDERS = 60, 4


def api(say, stack, person):
    """Accepted images a second, four senders at once; and seconds to a verdict with ?wait=10. person: of the form."""
    headers = {"Authorization": f"Bearer {stack.ask(MAKE)}"}
    with httpx.Client(base_url=f"{stack.address}/api/v1/", headers=headers, timeout=120) as client:
        say("web form: images accepted", f"{_rate(lambda file: person.upload(file), 7000):.1f} images/s")
        say("API: images accepted", f"{_rate(lambda file: _send(client, file), 8000):.1f} images/s")
        while client.get("images", params={"state": "waiting", "limit": 1}).json()["images"]:
            time.sleep(1)
        times = [_seconds(client, 9000 + number) for number in range(10)]
        say("API: upload → verdict in the answer, median (?wait=10)", f"{statistics.median(times):.2f} s")
        times = [_seconds(client, 9500 + number, "inspect", "image") for number in range(10)]
        say("API: inspect, median", f"{statistics.median(times):.2f} s")


def _rate(send, first):
    files = [(f"{n}.jpg", jpeg(n, 1280, 720), "image/jpeg") for n in range(first, first + FILES)]
    started = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, files))
    return FILES / (time.perf_counter() - started)


def _send(client, file, path="images", field="images", **options):
    return client.post(path, files=[(field, file)], **options).raise_for_status().json()


def _seconds(client, seed, path="images", field="images"):
    file = (f"{seed}.jpg", jpeg(seed, 1280, 720), "image/jpeg")
    started = time.perf_counter()
    _send(client, file, path, field, params={"wait": 10} if path == "images" else {})
    return time.perf_counter() - started
