"""`make bench`, the second half: the administration at 10,000 and 100,000 images, and training beside uploads."""

import json
import statistics
import tempfile
import time
from pathlib import Path

from tests.pictures import jpeg
from tests.stack import Stack, wait_for

IMPORTED, ROWS = 10_000, 100_000
LABELLED = """
import random
from django.contrib.auth.models import User
from classifier.intake import neighbours
from classifier.registry import detectors
from classifier.models import *
random.seed(0); detector = detectors.install_shipped()
images = list(Image.objects.filter(state='waiting'))
for at in range(0, len(images), 1000):
    some = images[at:at + 1000]
    verdicts = Verdict.objects.bulk_create(Verdict(image=i, detector=detector, score=random.random(), milliseconds=1,
        outcome=random.choice(['REAL', 'FAKE', 'INCONCLUSIVE'])) for i in some)
    for image, verdict in zip(some, verdicts):
        image.state, image.verdict, image.score, image.outcome = 'done', verdict, verdict.score, verdict.outcome
        image.dhash, image.decided_by = f'{random.getrandbits(64):016x}', 'network'
    Image.objects.bulk_update(some, ['state', 'verdict', 'score', 'outcome', 'dhash', 'decided_by'], batch_size=200)
    neighbours.remember(some)
"""
MANY = """
import random
from django.contrib.auth.models import User
from classifier.models import *
owner = User.objects.get(is_superuser=True); random.seed(1)
for at in range(0, %d, 5000):
    rows = Image.objects.bulk_create(Image(owner=owner, name=f'IMG_{n:06}.jpg', original='x', sha256=f'{n:064}', size=1,
        format='JPEG', width=1, height=1, state='done', outcome='REAL', score=random.random(), consent=True,
        decided_by='network', dhash=f'{random.getrandbits(64):016x}') for n in range(at, at + 5000))
    from classifier.intake import neighbours
    neighbours.remember(rows)
"""
PAGES = """
import json, statistics, time
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.contrib.auth.models import User
from classifier.intake import neighbours
from classifier.models import *
client = Client(headers={'host': '127.0.0.1'}); client.force_login(User.objects.get(is_superuser=True))
pages = {'images': '/admin/classifier/image/', 'images, page 20': '/admin/classifier/image/?p=20',
    'images, model and label disagree': '/admin/classifier/image/?agreement=disagree',
    'images, search': '/admin/classifier/image/?q=0999', 'review queue': '/admin/classifier/image/review/',
    'disputes': '/admin/classifier/dispute/', 'detectors': '/admin/classifier/detector/', 'drift': '/admin/drift/'}
found = {}
for name, url in pages.items():
    client.get(url); times = []
    for _ in range(5):
        start = time.perf_counter(); response = client.get(url); times.append(time.perf_counter() - start)
    assert response.status_code == 200, (name, response.status_code)
    with CaptureQueriesContext(connection) as queries: client.get(url)
    found[name] = (statistics.median(times) * 1000, len(queries))
some = list(Image.objects.exclude(dhash='')[:50])
start = time.perf_counter()
for image in some: neighbours.near(image, Image.objects.all())
found['near-duplicates of one'] = ((time.perf_counter() - start) * 1000 / len(some), 2)
print(json.dumps(found))
"""
FREEZE = """
import time
from classifier.learning import versions
start = time.perf_counter(); version = versions.freeze(None)
print(time.perf_counter() - start, version.summary["images"])
"""
RUN = """
from django.contrib.auth.models import User
from tests.loop import frozen
from classifier.learning import runs
from classifier.models import TrainingRun
owner = User.objects.create_user('pictures', 'pictures@example.org', 'sun-and-moon-7')
run = TrainingRun(name='beside', dataset=frozen(owner, owner, 400), architecture='patch', epochs=500, minutes=10)
runs.start_training(run, owner)
"""
STEPS = "from classifier.models import *; print(TrainingRun.objects.get(name='beside').progress.get('done', 0))"


def curation(say):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(IMPORTED):
            place = folder / "pictures" / ("REAL" if number % 2 else "FAKE") / f"source-{number % 20}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}.jpg").write_bytes(jpeg(number, 64, 48))
        stack = Stack(folder)
        stack.manage("migrate", "--verbosity", "0")
        stack.ask("from classifier.accounts import people; people.ensure_staff('s@example.org', 'staff-password-1')")
        started = time.perf_counter()
        stack.manage("import_dataset", str(folder / "pictures"), "--as-images", "--license", "none: noise")
        seconds = time.perf_counter() - started
        say(f"import of {IMPORTED:,} labelled images", f"{IMPORTED / seconds:.0f} images/s", f"{seconds:.0f} s")
        stack.ask(LABELLED)
        show(say, stack, IMPORTED)
        seconds, count = stack.ask(FREEZE).split()
        say(f"freeze of {int(count):,} images", f"{float(seconds):.1f} s")
        stack.ask(MANY % (ROWS - IMPORTED))
        show(say, stack, ROWS)


def show(say, stack, rows):
    for name, (milliseconds, queries) in json.loads(stack.ask(PAGES).splitlines()[-1]).items():
        say(f"of {rows:,} images: {name}", f"{milliseconds:.0f} ms", f"{queries} queries")


def beside_training(say, stack, person, upload_to_verdict):
    """On a started stack: verdicts while a network trains, and training while verdicts are asked for."""
    alone = [upload_to_verdict(person, (f"a{n}.jpg", jpeg(9000 + n, 1280, 720), "image/jpeg")) for n in range(8)]
    stack.ask(RUN)
    wait_for(lambda: int(stack.ask(STEPS)) > 5, 180)
    before, started = int(stack.ask(STEPS)), time.perf_counter()
    time.sleep(30)
    quiet = (int(stack.ask(STEPS)) - before) / (time.perf_counter() - started)
    before, started = int(stack.ask(STEPS)), time.perf_counter()
    times = []
    while time.perf_counter() - started < 30:
        name = f"b{len(times)}.jpg"
        times.append(upload_to_verdict(person, (name, jpeg(9500 + len(times), 1280, 720), "image/jpeg")))
    busy = (int(stack.ask(STEPS)) - before) / (time.perf_counter() - started)
    stack.ask("from classifier.models import *; TrainingRun.objects.get(name='beside').cancel()")
    say("upload → verdict, no training, median", f"{statistics.median(alone):.2f} s")
    say(
        "upload → verdict while a network trains, median",
        f"{statistics.median(times):.2f} s",
        f"slowest {max(times):.2f} s",
    )
    say(
        "training, steps of 32 images",
        f"{quiet:.2f} a second",
        f"{busy:.2f} while verdicts are asked for without a pause",
    )
