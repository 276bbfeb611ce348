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
    with client() as connection:
        return any(True for _ in connection.scan_iter(f"{PREFIX}*", count=1000))
