"""`make bench`: speed and memory on this machine, in one run; medians. Figures are printed, never asserted."""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import requests

from tests.bench_api import api
from tests.bench_curation import beside_training, curation
from tests.pictures import jpeg
from tests.stack import Browserless, Stack, wait_for

IMAGES = 120
ROWS = 100_000
BARE = """
import time, statistics, json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from django.conf import settings
from classifier import wakeups
from classifier.registry import detectors
from classifier.detector.serving import bundle
from classifier.detector.images.decoding import read_rgb
from classifier.detector.serving.judgement import judge
loaded = bundle.load(detectors.install_shipped().folder)
files = sorted(Path({folder!r}).glob('*.jpg'))
def decode(some): return [read_rgb(path) for path in some]
pool = ThreadPoolExecutor(2)
def ready(path): return loaded.views(read_rgb(path))
def run(some): judge(loaded, list(pool.map(ready, some)))
batches = [files[i:i + 8] for i in range(0, len(files), 8)]
run(batches[0])
start = time.perf_counter(); [run(batch) for batch in batches]; whole = time.perf_counter() - start
start = time.perf_counter(); [decode(batch) for batch in batches]; decoding = time.perf_counter() - start
views = [loaded.views(image) for image in decode(files[:8])]
def once(): start = time.perf_counter(); loaded.scores(views); return time.perf_counter() - start
network = statistics.median(once() for _ in range(10)) / 8
print(json.dumps({{'whole': len(files) / whole, 'decode': len(files) / decoding, 'network': 1 / network}}))
"""
EVIDENCE = """
import json, statistics, time
from classifier.provenance.inspection import inspect
from tests.pictures import jpeg
content, found = jpeg(1, 1152, 864, quality=88), []
for _ in range(25):
    start = time.perf_counter(); inspect(content); found.append((time.perf_counter() - start) * 1000)
print(json.dumps(statistics.median(found)))
"""
SUBMIT = """
from pathlib import Path
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from classifier.detector.images.decoding import read_header
from classifier.intake.submitting import CheckedFile, submit_images
paths = sorted(Path({folder!r}).glob('*.jpg'))
files = [CheckedFile(ContentFile(p.read_bytes()), p.name, read_header(p)) for p in paths]
submit_images(User.objects.get(username='bench'), files, False)
"""
FILL = """
from django.contrib.auth.models import User
from classifier.models import Image, State, Verdict
from classifier import wakeups
from classifier.registry import detectors
owner, detector = User.objects.create_user('many', password='sun-and-moon-7'), detectors.install_shipped()
for start in range(0, {rows}, 5000):
    images = Image.objects.bulk_create(Image(owner=owner, name=f'IMG_{{n:06}}.jpg', original='x', sha256=f'{{n:064}}',
        format='JPEG', size=1, width=1, height=1, state=State.DONE, outcome=('REAL', 'FAKE', 'INCONCLUSIVE')[n % 3])
        for n in range(start, start + 5000))
    verdicts = Verdict.objects.bulk_create(Verdict(image=i, detector=detector, score=.5, outcome=i.outcome,
        milliseconds=1) for i in images)
    for image, verdict in zip(images, verdicts): image.verdict = verdict
    Image.objects.bulk_update(images, ['verdict'], batch_size=500)
"""
HISTORY = """
import json, statistics, time
from django.db import connection, reset_queries
from django.conf import settings
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.contrib.auth.models import User
client = Client(headers={{'host': '127.0.0.1'}}); client.force_login(User.objects.get(username='many'))
from classifier.models import Image
newest = Image.objects.order_by('-pk').values_list('pk', flat=True).first()
pages = {{'newest': '/history/', 'row 50,000': f'/history/?before={{newest - 50000}}',
         'verdict': '/history/?verdict=FAKE', 'file name': '/history/?q=0999', 'no match': '/history/?q=zebra'}}
found = {{}}
for name, url in pages.items():
    client.get(url); times = []
    for _ in range(9):
        start = time.perf_counter(); client.get(url); times.append(time.perf_counter() - start)
    with CaptureQueriesContext(connection) as queries: client.get(url)
    found[name] = (statistics.median(times) * 1000, len(queries))
print(json.dumps(found))
"""


def say(name, value, aim=""):
    print(f"{name:<58} {value:>16}  {aim}", flush=True)


def upload_to_verdict(person, picture):
    """Seconds from sending the form to the verdict in the polled fragment, polled as the page does."""
    started = time.perf_counter()
    page = person.upload(picture)
    address = page.url
    while True:
        time.sleep(0.25 if time.perf_counter() - started < 0.5 else 0.5)
        text = person.session.get(address + "status/", timeout=10).text
        if "A hint, not proof" in text:
            return time.perf_counter() - started


def answer(stack, code):
    return json.loads(stack.ask(code).splitlines()[-1])


def main():
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {psutil.virtual_memory().total / 2**30:.0f} GiB\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        for number in range(IMAGES):
            (folder / "images" / f"{number:04}.jpg").write_bytes(jpeg(number, 1280, 720, quality=88))
        stack = Stack(folder, CLAIM_SECONDS="60", SWEEP_SECONDS="5", API_PER_MINUTE="100000").start()
        try:
            measure(stack, str(folder / "images"))
            api(say, stack, Browserless(stack).sign_up("former"))
            beside_training(say, stack, Browserless(stack).sign_up("patient"), upload_to_verdict)
        finally:
            stack.stop(signal.SIGTERM)
    subprocess.run([sys.executable, "-m", "tests.bench_speed"], check=True)
    curation(say)


def measure(stack, images):
    person = Browserless(stack).sign_up("bench")
    wait_for(lambda: requests.get(stack.address + "/healthz", timeout=5).ok)
    upload_to_verdict(person, ("warm.jpg", jpeg(5000, 1280, 720), "image/jpeg"))
    times = [upload_to_verdict(person, (f"{n}.jpg", jpeg(5001 + n, 1280, 720), "image/jpeg")) for n in range(15)]
    say("upload → verdict visible, median (1280×720 JPEG)", f"{statistics.median(times):.2f} s", "aim: under 1 s")
    say("upload → verdict visible, slowest of 15", f"{max(times):.2f} s")

    bare = answer(stack, BARE.format(folder=images))
    say("bare detector: network alone", f"{bare['network']:.1f} images/s")
    say("bare detector: decoding alone", f"{bare['decode']:.1f} images/s")
    say("bare detector: decode, views, network", f"{bare['whole']:.1f} images/s")

    say("evidence of one 1-megapixel JPEG", f"{answer(stack, EVIDENCE):.0f} ms", "aim: under 30 ms")

    workers = stack.find("celery")
    for worker in workers:
        worker.suspend()
    stack.ask(SUBMIT.format(folder=images))
    left = "from classifier.models import Image; print(Image.objects.pending().count())"
    assert stack.ask(left) == str(IMAGES)
    started = time.perf_counter()
    for worker in workers:
        worker.resume()
    database = re.sub("^sqlite:///", "", stack.database)
    import sqlite3

    with sqlite3.connect(database) as connection:
        pending = "SELECT COUNT(*) FROM classifier_image WHERE state IN ('waiting', 'analysing')"
        wait_for(lambda: connection.execute(pending).fetchone()[0] == 0, 600)
    rate = IMAGES / (time.perf_counter() - started)
    say("through the queue (with copies, rows and files)", f"{rate:.1f} images/s")
    say("queue against bare detector", f"{rate / bare['whole']:.0%}", "aim: at least 70 %")

    web = [process.memory_info().rss / 2**20 for process in stack.find("gunicorn")]
    say("web processes, memory each", " ".join(f"{size:.0f}" for size in sorted(web)) + " MB", "aim: under 150 MB")
    child = max(process.memory_info().rss / 2**20 for process in stack.find("celery"))
    say("worker child with TensorFlow", f"{child:.0f} MB")

    stack.ask(FILL.format(rows=ROWS))
    for name, (milliseconds, queries) in answer(stack, HISTORY.format()).items():
        say(f"history of {ROWS:,} images, {name}", f"{milliseconds:.0f} ms", f"{queries} queries; aim: under 100 ms")


if __name__ == "__main__":
    main()
