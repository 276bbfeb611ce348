"""Redis itself, for what Celery does not offer: whether it answers, and which workers were seen lately."""

import os
import socket

import redis
from django.conf import settings

SEEN_SECONDS = 60
PREFIX = "aidetect:worker:"


def client() -> redis.Redis:
    """A client that gives up after two seconds, on the broker's Redis."""
    address = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://")
    return redis.Redis.from_url(address, socket_timeout=2, socket_connect_timeout=2)


def report_worker() -> None:
    """A worker's parent says that it lives; the mark is gone after SEEN_SECONDS without another one."""
    with client() as connection:
        connection.set(f"{PREFIX}{socket.gethostname()}:{os.getpid()}", "1", ex=SEEN_SECONDS)


def worker_was_seen() -> bool:
    return bool(workers_seen())


def workers_seen() -> list[str]:
    """The workers seen in the last SEEN_SECONDS, as host:process."""
    with client() as connection:
        marks = connection.scan_iter(f"{PREFIX}*", count=1000)
        return sorted((mark.decode() if isinstance(mark, bytes) else mark).removeprefix(PREFIX) for mark in marks)
