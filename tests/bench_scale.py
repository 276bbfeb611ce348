"""`make bench`, the part about scale: several workers, a long queue, pages at a million rows, many readers at once.

    python -m tests.bench_scale                     all of it, small
    python -m tests.bench_scale --full              all of it at the sizes of docs/scale.md (an hour and more)
    python -m tests.bench_scale pages --rows 100000 --plans plans.txt

Figures are printed, never asserted.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from tests import postgres
from tests.pictures import jpeg
from tests.stack import Browserless, Stack, wait_for
from tests.test_layers import ROOT

SMALL = {"images": 32, "waiting": 300, "rows": 20_000, "readers": 10, "seconds": 10.0}
FULL = {"images": 400, "waiting": 10_000, "rows": 1_000_000, "readers": 50, "seconds": 60.0}

PENDING = "from classifier.models import Image; print(Image.objects.pending().count())"
QUEUE = """
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from classifier.models import Image
from pathlib import Path
files = [default_storage.save(f"uploads/queue/{{path.stem}}", ContentFile(path.read_bytes()))
         for path in sorted(Path({folder!r}).glob("*.jpg"))]
owners = [User.objects.create_user(f"owner{{n}}") for n in range(3)]
for start in range(0, {waiting}, 1000):
    Image.objects.bulk_create(Image(owner=owners[n % 3], name=f"{{n}}.jpg", original=files[n % len(files)], size=1,
        sha256=f"{{n:064}}", format="JPEG", width=1280, height=720) for n in range(start, min(start + 1000, {waiting})))
"""
FILL = """
import uuid
from django.contrib.auth.models import User
from django.db import connection
from classifier.models import HashKey, Image, Verdict
from classifier.registry import detectors
rows, detector = {rows}, detectors.install_shipped()
many = User.objects.create_user("many")
staff = User.objects.create_superuser("staff", "staff@example.org", "staff-password-1")
User.objects.bulk_create(User(username=f"u{{n}}") for n in range(1000))
first = User.objects.get(username="u0").pk
image = Image.objects.create(owner=many, name="x", original="x", sha256="x", format="JPEG", size=1, width=9, height=9)
verdict = Verdict.objects.create(image=image, detector=detector, score=.5, outcome="REAL", milliseconds=9)
def copies(model, row, count, step=1, **other):
    columns = [field.column for field in model._meta.concrete_fields]
    chosen = ", ".join(other.get(name, f't."{{name}}"') for name in columns)
    names = ", ".join(f'"{{name}}"' for name in columns)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f'INSERT INTO {{table}} ({{names}}) SELECT {{chosen}} '
                       f'FROM {{table}} t, generate_series(1, {{count}}) n WHERE t.id = {{row.pk}}')
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{{table}}', 'id'), (SELECT max(id) FROM {{table}}))")
start_image, start_verdict = image.pk, verdict.pk
when = "now() - (1 + ({rows} - n)) * interval '{seconds} seconds'"
outcome = "(ARRAY['REAL','FAKE','INCONCLUSIVE'])[1 + n % 3]"
copies(Image, image, rows, id=f"{{start_image}} + n", uuid="gen_random_uuid()", sha256="lpad(n::text, 64, '0')",
    name="'IMG_' || lpad(n::text, 7, '0') || '.jpg'", state="'done'", outcome=outcome, score="random()",
    owner_id=f"CASE WHEN n % 2 = 0 THEN {{many.pk}} ELSE {{first}} + n % 1000 END", created_at=when,
    dhash="lpad(to_hex((random() * 4294967295)::bigint), 16, '0')", decided_by="'network'", consent="n % 2 = 0",
    label="CASE WHEN n % 50 = 0 THEN 'REAL' ELSE '' END", sampled="n % 100 = 0", compared="true", heat="'x'")
copies(Verdict, verdict, rows, id=f"{{start_verdict}} + n", image_id=f"{{start_image}} + n", outcome=outcome,
    score="random()", created_at=when)
with connection.cursor() as cursor:
    cursor.execute("UPDATE classifier_image SET verdict_id = id - %s WHERE id > %s",
                   [start_image - start_verdict, start_image])
    cursor.execute("INSERT INTO classifier_hashkey (image_id, key) SELECT id, (random() * 2147483647)::int "
                   "FROM classifier_image, generate_series(1, 5)")
    cursor.execute("VACUUM ANALYZE")
"""
PAGES = """
import json, logging, statistics, time
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from classifier.models import Image
from classifier.results.gauges import Figures
logging.disable(logging.CRITICAL)
settings.ALLOWED_HOSTS = ["*"]
def client_of(name):
    client = Client(); client.force_login(User.objects.get(username=name)); return client
owner, staff = client_of("many"), client_of("staff")
newest = Image.objects.filter(owner__username="many").order_by("-pk").first()
pages = {
    "history": (owner, "/history/"),
    "history, deep": (owner, f"/history/?before={newest.pk - %(rows)d // 2}"),
    "history, by verdict": (owner, "/history/?verdict=FAKE"),
    "history, by dates": (owner, "/history/?since=2026-01-01&until=2026-12-31"),
    "history, file name": (owner, "/history/?q=00999"),
    "history, no such name": (owner, "/history/?q=zebra"),
    "history, by score": (owner, "/history/?sort=score"),
    "verdict page": (owner, newest.get_absolute_url()),
    "upload page": (owner, "/"),
    "staff: start": (staff, "/admin/"),
    "staff: images": (staff, "/admin/classifier/image/"),
    "staff: images, page 50": (staff, "/admin/classifier/image/?p=50"),
    "staff: images, file name": (staff, "/admin/classifier/image/?q=00999"),
    "staff: images, model and label disagree": (staff, "/admin/classifier/image/?agreement=disagree"),
    "staff: review queue": (staff, "/admin/classifier/image/review/"),
    "staff: drift": (staff, "/admin/drift/"),
    "staff: status": (staff, "/admin/status/"),
    "staff: disputes": (staff, "/admin/classifier/dispute/"),
}
def measured(act):
    with CaptureQueriesContext(connection) as context:
        code = act()
    queries = context.captured_queries  # before the next request forgets them
    times = []
    for _ in range(%(times)d):
        start = time.perf_counter(); act(); times.append(time.perf_counter() - start)
    slowest = max(queries, key=lambda one: float(one["time"]), default=None)
    told = {"ms": statistics.median(times) * 1000, "queries": len(queries), "status": code}
    if slowest and slowest["sql"].lstrip().upper().startswith("SELECT"):
        told["slowest"] = float(slowest["time"]) * 1000
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + slowest["sql"])
            told["plan"] = slowest["sql"] + "\\n" + "\\n".join(row[0] for row in cursor.fetchall())
    return told
found = {}
for name, (client, address) in pages.items():
    found[name] = measured(lambda: client.get(address).status_code)
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_database_size(current_database())")
    found["size"] = cursor.fetchone()[0]
found["figures for Prometheus"] = measured(lambda: len(list(Figures().collect())))
print(json.dumps(found))
"""


def say(name, value, more=""):
    print(f"{name:<58} {value:>16}  {more}", flush=True)


@contextlib.contextmanager
def stack_in(folder, **environment):
    stack = Stack(folder, CLAIM_SECONDS="60", SWEEP_SECONDS="5", **environment).start()
    try:
        yield stack
    finally:
        stack.stop(signal.SIGTERM)


def pictures(folder, count):
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}.jpg").write_bytes(jpeg(number, 1280, 720, quality=88))
    return str(folder)


# --- Several workers --------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def further_workers(stack, count):
    """So many workers beside the stack's own."""
    command = [sys.executable, "-m", "celery", "--app", "aidetect", "--quiet", "worker", "--without-gossip"]
    started = [
        subprocess.Popen([*command, "--hostname", f"more{n}@%h"], cwd=ROOT, env=stack.environment,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for n in range(count)
    ]  # fmt: skip
    seen = "from aidetect import broker; print(len(broker.workers_seen()))"
    try:
        wait_for(lambda: int(stack.ask(seen)) >= count + 1, 120, "further workers")
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)


def workers(options):
    """Images a second with several workers, against the bare detector in one process."""
    from tests.bench import BARE, SUBMIT, answer

    with tempfile.TemporaryDirectory() as name, stack_in(Path(name), DETECTOR=options.detector) as stack:
        images = pictures(Path(name) / "images", options.images)
        bare = answer(stack, BARE.format(folder=images))["whole"]
        say("bare detector, one process", f"{bare:.1f} images/s", options.detector)
        Browserless(stack).sign_up("bench")
        for count in options.workers:
            with further_workers(stack, count - 1):
                stack.ask("from classifier.models import Image; Image.objects.all().delete()")
                started = time.perf_counter()
                stack.ask(SUBMIT.format(folder=images))
                submitted = time.perf_counter() - started
                wait_for(lambda: stack.ask(PENDING) == "0", 3600, "verdicts")
                rate = options.images / (time.perf_counter() - started)
            say(f"{count} workers", f"{rate:.1f} images/s", f"{rate / bare:.0%} of bare; stored in {submitted:.1f} s")


# --- A long queue -----------------------------------------------------------------------------------------------------
def queue(options):
    """Throughput and memory with many waiting images of three owners, and how long a fourth one's upload waits."""
    from tests.bench import upload_to_verdict

    with tempfile.TemporaryDirectory() as name, stack_in(Path(name), DETECTOR=options.detector) as stack:
        person = Browserless(stack).sign_up("fourth")
        upload_to_verdict(person, ("warm.jpg", jpeg(9000, 1280, 720), "image/jpeg"))
        stack.ask(QUEUE.format(folder=pictures(Path(name) / "images", 50), waiting=options.waiting))
        say("waiting images of three owners", f"{int(stack.ask(PENDING)):,}", options.detector)
        before, started, waits = int(stack.ask(PENDING)), time.perf_counter(), []
        while time.perf_counter() - started < options.seconds and stack.ask(PENDING) != "0":
            picture = (f"{len(waits)}.jpg", jpeg(9001 + len(waits), 1280, 720), "image/jpeg")
            waits.append(upload_to_verdict(person, picture))
        rate = (before - int(stack.ask(PENDING))) / (time.perf_counter() - started)
        memory = max(process.memory_info().rss / 2**20 for process in stack.find("celery"))
    say("  throughput", f"{rate:.1f} images/s")
    say("  worker's memory", f"{memory:.0f} MB")
    if waits:
        say("  a fourth owner's upload → verdict", f"{statistics.median(waits):.2f} s", f"slowest {max(waits):.2f} s")


# --- Pages at a million rows ------------------------------------------------------------------------------------------
def pages(options):
    """Time, number of queries and the plan of the slowest one, on PostgreSQL."""
    if not postgres.PROGRAMS:
        say("pages", "skipped", "PostgreSQL is not installed")
        return
    plans = []
    with postgres.started(shared_buffers="512MB", work_mem="32MB") as address, tempfile.TemporaryDirectory() as name:
        folder = {"RUN_DIR": f"{name}/run", "MEDIA_ROOT": f"{name}/media", "DETECTOR": "quick"}
        environment = {**os.environ, "DATABASE_URL": address, **folder}
        _manage(environment, "migrate", "--verbosity", "0")
        started, seconds = time.perf_counter(), max(1, 15_000_000 // options.rows)
        _manage(environment, "shell", "--no-imports", "-c", FILL.format(rows=options.rows, seconds=seconds))
        say(f"{options.rows:,} images", f"{time.perf_counter() - started:.0f} s", "to fill the database")
        code = PAGES % {"rows": options.rows, "times": options.times}
        found = json.loads(_manage(environment, "shell", "--no-imports", "-c", code).splitlines()[-1])
    say("database, bytes an image", f"{found.pop('size') / options.rows:.0f}", "rows and indexes, without evidence")
    for page, told in found.items():
        slowest = f"slowest {told['slowest']:.0f} ms" if "slowest" in told else ""
        note = "" if told["status"] in (200, 302) or page.startswith("figures") else f"status {told['status']}"
        say(page, f"{told['ms']:.0f} ms", f"{told['queries']} queries, {slowest} {note}")
        plans.append(f"== {page}: {told['ms']:.0f} ms\n{told.get('plan', '')}\n")
    if options.plans:
        options.plans.write_text("\n".join(plans))


def _manage(environment, *arguments):
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


# --- Many readers -----------------------------------------------------------------------------------------------------
def readers(options):
    """People who read the landing, history and verdict pages all at the same time, without a pause."""
    from tests.bench import FILL as ROWS

    with tempfile.TemporaryDirectory() as name, stack_in(Path(name)) as stack:
        stack.ask(ROWS.format(rows=5000))
        person = Browserless(stack).sign_up("reader")
        page = person.upload(("a.jpg", jpeg(1, 640, 480), "image/jpeg")).url
        wait_for(lambda: stack.ask(PENDING) == "0", 120)
        cookies = dict(person.session.cookies)
        addresses = {"landing": stack.address + "/", "history": stack.address + "/history/", "verdict": page}
        times = asyncio.run(_read(addresses, cookies, options.readers, options.seconds))
        memory = [process.memory_info().rss / 2**20 for process in stack.find("gunicorn")]
    say(f"{options.readers} readers at once", f"{options.seconds:.0f} s", f"web processes {max(memory):.0f} MB at most")
    for kind in addresses:
        took = sorted(seconds for what, seconds, fine in times if what == kind and fine)
        errors = sum(what == kind and not fine for what, _, fine in times)
        p95 = took[int(len(took) * 0.95)] * 1000 if took else 0
        say(f"  {kind}", f"{len(took) / options.seconds:.1f} requests/s", f"p95 {p95:.0f} ms, {errors} errors")


async def _read(addresses, cookies, count, seconds):
    times, deadline = [], time.perf_counter() + seconds
    limits = httpx.Limits(max_connections=count)
    async with (
        httpx.AsyncClient(limits=limits, timeout=30) as stranger,
        httpx.AsyncClient(limits=limits, timeout=30, cookies=cookies) as owner,
    ):

        async def reader(number):
            kinds = list(addresses)
            while time.perf_counter() < deadline:
                kind = kinds[number % len(kinds)]
                number += 1
                started = time.perf_counter()
                try:
                    client = stranger if kind == "landing" else owner
                    fine = (await client.get(addresses[kind])).status_code == 200
                except httpx.HTTPError:
                    fine = False
                times.append((kind, time.perf_counter() - started, fine))

        await asyncio.gather(*(reader(number) for number in range(count)))
    return times


PARTS = {"workers": workers, "queue": queue, "pages": pages, "readers": readers}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--full", action="store_true", help="the sizes of docs/scale.md")
    for name, value in SMALL.items():
        parser.add_argument(f"--{name}", type=type(value), help=f"{value} if not --full: {FULL[name]}")
    parser.add_argument("--workers", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2, 4])
    parser.add_argument("--detector", choices=["quick", "thorough"], default="quick")
    parser.add_argument("--times", type=int, default=5, help="how often each page is asked for")
    parser.add_argument("--plans", type=Path, help="a file for the plans of the slowest queries")
    options = parser.parse_args(arguments)
    for name, value in (FULL if options.full else SMALL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {psutil.virtual_memory().total / 2**30:.0f} GiB\n")
    for part in options.parts:
        print(f"-- {part}: {getattr(PARTS[part], '__doc__', '')}")
        PARTS[part](options)


if __name__ == "__main__":
    main()
