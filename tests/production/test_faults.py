"""Whatever is killed, starved or told lies while several people upload: nothing accepted is lost, nothing is doubled,
and every picture gets its verdict. Asserted from the rows."""

import itertools
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import redis

from tests.pictures import jpeg
from tests.production.people import Person, Stream, seeds
from tests.stack import wait_for
from tests.test_layers import ROOT

numbers = itertools.count(1)
STATE = """
import json
from classifier.models import Image
image = Image.objects.filter(owner__username={name!r}).order_by("pk").last()
print(json.dumps({{"state": image.state, "error": image.error, "attempts": image.attempts,
                   "original": image.original.name, "setbacks": image.setbacks}}))
"""
HELD = """
import json
from classifier.models import Image
print(json.dumps(Image.objects.filter(holder__contains=":{pid}:", state="analysing").count()))
"""
HOLDERS = """
import json
from classifier.models import Image
print(json.dumps(sorted(set(Image.objects.filter(state="analysing").values_list("holder", flat=True)))))
"""
LOSE = """
import json
from django.core.files.storage import default_storage
default_storage.delete({name!r})
print(json.dumps(default_storage.exists({name!r})))
"""
CLAIMED_AT_ONCE = """
import json, threading, uuid
from django.db import connection
from classifier.models import Image
found, barrier = [], threading.Barrier(8)
def claim():
    barrier.wait()
    found.append([image.pk for image in Image.objects.claim(uuid.uuid4(), 4)])
    connection.close()
threads = [threading.Thread(target=claim) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
Image.objects.filter(pk__in=[pk for taken in found for pk in taken]).update(
    state="waiting", claim=None, holder="", attempts=0)
print(json.dumps(found))
"""
SKEWED = """
import os, sys
from datetime import timedelta
import django.utils.timezone as timezone
real = timezone.now
timezone.now = lambda: real() + timedelta(hours=float(os.environ["AHEAD"]))
from celery.__main__ import main
sys.argv = ["celery", "--app", "aidetect", "--quiet", "worker", "--loglevel", "INFO", "--without-gossip",
            "--without-mingle", "--without-heartbeat", "--hostname", "skewed@%h"]
main()
"""


def people():
    """Two who have not been here yet."""
    number = next(numbers)
    return [f"amy{number}", f"ben{number}"]


def freeze(site, number):
    """SIGSTOP or SIGCONT to all workers, with their children."""
    for worker in site.workers():
        for process in worker.family():
            process.send_signal(number)


def child_of(worker):
    return next((child for child in worker.children() if "celery" in " ".join(child.cmdline())), None)


def kill_worker_child(site):
    """One that is at work, if any is at this moment."""
    children = [child for worker in site.workers() if (child := child_of(worker))]
    busy = [child for child in children if site.ask(HELD.format(pid=child.pid))]
    (busy or children)[0].send_signal(signal.SIGKILL)


def kill_worker_parent(site):
    site["worker1"].kill()


def kill_web_process(site):
    site["web1"].children()[0].send_signal(signal.SIGKILL)


def kill_web_server(site):
    site["web2"].kill()


def kill_redis(site):
    site["redis"].kill()


def kill_postgres(site):
    site["postgres"].kill()


def kill_nginx(site):
    site["nginx"].kill()


def flush_redis(site):
    redis.Redis(port=site.ports["redis"]).flushall()


KILLS = [
    kill_worker_child,
    kill_worker_parent,
    kill_web_process,
    kill_web_server,
    kill_redis,
    kill_postgres,
    kill_nginx,
    flush_redis,
]


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: kill.__name__)
def test_in_a_stream_of_uploads(site, kill):
    with Stream(site, *people()) as stream:
        stream.more(4)
        kill(site)
        stream.more(6)
    rows = stream.nothing_is_lost_or_doubled()
    assert len(rows) >= 10


def test_redis_is_full(site):
    """It takes no wake-up any more; the rows wait, and are found by the sweep when there is room again."""
    client = redis.Redis(port=site.ports["redis"])
    with Stream(site, *people()) as stream:
        stream.more(2)
        client.config_set("maxmemory", 1)
        stream.more(4)
        client.config_set("maxmemory", 256_000_000)
        stream.more(2)
    stream.nothing_is_lost_or_doubled()


@pytest.mark.parametrize("fault", ["500", "hang", "full"])
def test_the_object_store_fails(site, fault):
    """Uploads are refused with a sentence, pictures that wait go on waiting; no attempt is booked on them."""
    with Stream(site, *people()) as stream:
        stream.more(4)
        site.fault(fault)
        refused = len(stream.refusals())
        wait_for(lambda: len(stream.refusals()) > refused, 60, "a refusal")
        said = "The disk is full" if fault == "full" else "The file storage does not answer"
        site.fault("")
        stream.more(4)
    assert "500" not in map(str, stream.refusals()), stream.refusals()
    assert any(said in person.last_refusal for person in stream.people)
    stream.nothing_is_lost_or_doubled()


def test_the_object_store_loses_a_file(site):
    person = Person(site, next(iter(people())))
    content = jpeg(next(seeds), 160, 120)
    freeze(site, signal.SIGSTOP)
    try:
        assert person.upload(content)
        assert site.ask(LOSE.format(name=site.ask(STATE.format(name=person.name))["original"])) is False
    finally:
        freeze(site, signal.SIGCONT)
    wait_for(lambda: site.ask(STATE.format(name=person.name))["state"] == "failed", 60, "that it is noticed")
    assert "is lost" in site.ask(STATE.format(name=person.name))["error"]
    assert person.upload(content), "the same picture again"
    assert len(Stream(site, person).nothing_is_lost_or_doubled()) == 1


def test_two_workers_claim_at_once(site):
    person = Person(site, next(iter(people())))
    freeze(site, signal.SIGSTOP)
    try:
        assert person.upload(*(jpeg(next(seeds), 160, 120) for _ in range(16)))
        taken = site.ask(CLAIMED_AT_ONCE)
    finally:
        freeze(site, signal.SIGCONT)
    everything = [pk for batch in taken for pk in batch]
    assert len(everything) == len(set(everything)) == 16, "each was taken, and by one only"
    Stream(site, person).nothing_is_lost_or_doubled()


def test_sigterm_finishes_the_batch_in_hand(site):
    """And no other: a worker that is told to stop is gone long before its queue is empty."""
    person = Person(site, next(iter(people())))
    for _ in range(3):
        assert person.upload(*(jpeg(next(seeds), 900, 700) for _ in range(15)))
    wait_for(lambda: site.ask(HOLDERS), 60, "a worker at work")
    for worker in site.workers():
        worker.wanted = False
        worker.kill(signal.SIGTERM)
    for worker in site.workers():
        worker.process.wait(30)
    assert site.ask(HOLDERS) == [], "what was in hand is finished, nothing is left half done"
    rows = site.ask(
        "import json; from classifier.models import Image; print(json.dumps(list(Image.objects.filter("
        f"owner__username={person.name!r}).values_list('state', 'attempts'))))"
    )
    assert {state for state, _ in rows} <= {"done", "waiting"}
    assert all(attempts == 0 for state, attempts in rows if state == "waiting"), "stopping is no attempt"
    for worker in site.workers():
        worker.wanted = True
    Stream(site, person).nothing_is_lost_or_doubled()


@pytest.mark.parametrize("hours", [1, -1])
def test_a_worker_whose_clock_is_wrong(site, hours):
    """It works beside the others: nobody's claims are taken away, nothing waits for an hour."""
    environment = {**site.environment, "AHEAD": str(hours)}
    log = (site.folder / "skewed.log").open("ab")
    skewed = subprocess.Popen(
        [sys.executable, "-c", SKEWED], cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        with Stream(site, *people()) as stream:
            stream.more(6)
            site.fault("500")
            time.sleep(2)
            site.fault("")
            stream.more(6)
        assert skewed.poll() is None
        stream.nothing_is_lost_or_doubled()
    finally:
        os.killpg(skewed.pid, signal.SIGKILL)
        skewed.wait()
        log.close()


def test_no_program_said_anything_unexpected(site):
    """After all of that: no traceback but those of faults that were made, and everything is back."""
    wait_for(lambda: site.get("/readyz").status_code == 200, 60, "a site that is ready again")
    assert {name for name, program in site.programs.items() if program.process.poll() is not None} == set()
    assert psutil.Process(site["nginx"].process.pid).is_running()
    assert not site.said("IntegrityError") and not site.said("MultipleObjectsReturned")
    assert site.ask(HOLDERS) == []
