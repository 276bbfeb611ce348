"""Figures for Prometheus: who may read them, what they say, and that they outlive the processes they are about."""

import contextlib
import os
from datetime import timedelta
from ipaddress import ip_network

import pytest
import redis
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from aidetect import broker, tally
from classifier.models import Image, State, Verdict
from classifier.results import status
from tests.pictures import jpeg


class Kept:
    """As much of Redis as is needed here, kept in dictionaries."""

    def __init__(self):
        self.hashes, self.values = {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def pipeline(self, transaction):
        return self

    def execute(self):
        pass

    def hincrbyfloat(self, key, name, amount):
        held = self.hashes.setdefault(key.encode(), {})
        held[name.encode()] = repr(float(held.get(name.encode(), 0)) + amount).encode()

    def hgetall(self, key):
        return self.hashes.get(key.encode(), {})

    def set(self, key, value, ex):
        assert ex == broker.SEEN_SECONDS
        self.values[key.encode()] = value.encode()

    def get(self, key):
        return self.values[key]

    def scan_iter(self, pattern, count):
        return [key for key in self.values if key.startswith(pattern.rstrip("*").encode())]


@pytest.fixture(autouse=True)
def fresh_tally(monkeypatch):
    tally._pending.clear()
    monkeypatch.setattr(tally, "_silent_until", 0.0)


@pytest.fixture
def kept(monkeypatch):
    server = Kept()
    monkeypatch.setattr(broker, "client", lambda: server)
    return server


@pytest.fixture
def read(client, settings):
    """The figures by name and labels."""
    settings.METRICS_TOKEN = "long-and-random"

    def figures():
        response = client.get("/prometheus", headers={"Authorization": "Bearer long-and-random"})
        assert response.status_code == 200, response.content
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(response.content.decode())
            for sample in family.samples
        }

    return figures


def ask(client, **headers):
    return client.get("/prometheus", headers=headers).status_code


def test_there_is_no_such_page_until_a_setting_opens_it(client, settings, db):
    assert ask(client) == 404 and ask(client, Authorization="Bearer ") == 404
    settings.METRICS_TOKEN = "long-and-random"
    assert ask(client) == ask(client, Authorization="Bearer wrong") == ask(client, Authorization="Basic x") == 403
    assert ask(client, Authorization="Bearer \u00e9") == 403


def test_a_token_or_a_known_address_opens_it_whatever_host_is_named(client, settings, kept, db):
    settings.METRICS_TOKEN, settings.SECURE_SSL_REDIRECT = "long-and-random", True
    assert ask(client, Authorization="Bearer long-and-random", Host="10.1.2.3:8000") == 200
    settings.METRICS_TOKEN, settings.METRICS_FROM = "", [ip_network("127.0.0.0/8")]
    assert ask(client) == 200 and client.post("/prometheus").status_code == 405
    assert client.get("/prometheus", REMOTE_ADDR="10.0.0.1").status_code == 403
    assert client.get("/prometheus", REMOTE_ADDR="").status_code == 403


def test_behind_a_proxy_the_clients_address_counts_and_not_the_proxys(client, settings, kept, db):
    settings.METRICS_FROM = [ip_network("127.0.0.0/8")]
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    assert ask(client, **{"X-Forwarded-For": "8.8.8.8"}) == 403


def test_the_queue_is_told_from_the_rows(read, kept, alice, upload):
    for seed in range(3):
        upload((f"{seed}.jpg", jpeg(seed)))
    first, second, third = Image.objects.order_by("pk")
    Image.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(minutes=10))
    Image.objects.filter(pk=second.pk).update(background=True)
    Image.objects.filter(pk=third.pk).update(state=State.ANALYSING)
    figures = read()
    assert figures["aidetect_images_waiting", "uploads"] == figures["aidetect_images_waiting", "background"] == 1
    assert figures["aidetect_images_analysing",] == 1
    assert 600 <= figures["aidetect_oldest_waiting_seconds",] < 700
    assert figures["aidetect_jobs", "import", "waiting"] == 0
    assert figures["aidetect_disk_free_bytes", status.disks()[0].holds] > 0


def test_images_a_second_are_those_of_the_last_minute(read, kept, classified):
    assert read()["aidetect_images_per_second",] == pytest.approx(1 / 60)
    Verdict.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert read()["aidetect_images_per_second",] == 0


def test_what_workers_counted_outlives_them(read, kept, db):
    tally.spent("network", 1.5, 8)
    tally.add("verdicts:FAKE", 3)
    tally.add("failures:unreadable")
    tally.flush()
    tally.spent("network", 0.5, 2)
    tally.flush()
    figures = read()
    assert figures["aidetect_stage_seconds_sum", "network"] == 2.0
    assert figures["aidetect_stage_seconds_count", "network"] == 10
    assert figures["aidetect_verdicts_total", "FAKE"] == 3
    assert figures["aidetect_failures_total", "unreadable"] == 1


def test_workers_tell_their_memory_and_that_of_their_children(read, kept, db):
    broker.report_worker([os.getppid(), 999_999_999])
    broker.report_worker(prefix=broker.TRAINERS)
    assert len(broker.workers_seen()) == 1
    figures = read()
    assert figures["aidetect_workers", "analysis"] == figures["aidetect_workers", "training"] == 1
    sizes = [value for key, value in figures.items() if key[0] == "aidetect_worker_memory_bytes"]
    assert sum(size > 1_000_000 for size in sizes) == 3 and 0 in sizes


def test_where_redis_is_away_the_rows_are_told_all_the_same(read, picture, monkeypatch):
    def broken():
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(broker, "client", broken)
    tally.add("verdicts:REAL")
    tally.flush()
    assert tally._silent_until > 0
    figures = read()
    assert figures["aidetect_source_answers", "redis"] == 0 and figures["aidetect_source_answers", "database"] == 1
    assert figures["aidetect_images_waiting", "uploads"] == 1


@pytest.mark.keras
def test_a_worker_counts_stages_verdicts_and_failures(kept, upload, tiny):
    from classifier.worker.loop import classify_waiting

    for seed in range(3):
        upload((f"{seed}.jpg", jpeg(seed)))
    lost = Image.objects.latest("pk")
    lost.original.storage.delete(lost.original.name)
    classify_waiting(8)
    counted = tally.read()
    for stage, images in (("wait", 3), ("read", 2), ("network", 2), ("store", 2), ("heat", 2)):
        assert counted[f"stage:{stage}:images"] == images and counted[f"stage:{stage}:seconds"] > 0, stage
    assert counted["failures:lost"] == 1
    assert sum(amount for name, amount in counted.items() if name.startswith("verdicts:")) == 2


def test_interrupted_images_are_counted(kept, picture, settings):
    from classifier.models import claims

    settings.MAX_ATTEMPTS = 1
    long_ago = timezone.now() - timedelta(hours=1)
    Image.objects.update(state=State.ANALYSING, claim=picture.uuid, claimed_at=long_ago, attempts=1)
    with contextlib.suppress(redis.RedisError):
        claims.release_everything()
    assert tally.read()["failures:interrupted"] == 1
