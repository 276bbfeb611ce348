"""Redis itself, for what Celery does not offer: whether it answers, and which workers were seen lately."""

import json
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

SEEN_SECONDS = 60
PREFIX = "aidetect:worker:"
TRAINERS = "aidetect:trainer:"


def client() -> redis.Redis:
    """A client that gives up after two seconds, on the broker's Redis."""
    address = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://")
    never = Retry(NoBackoff(), 0)  # by default it tries four times
    return redis.Redis.from_url(address, socket_timeout=2, socket_connect_timeout=2, retry=never)


def report_worker(children: Iterable[int] = (), prefix: str = PREFIX) -> None:
    """A worker's parent says that it lives and how much memory it and its children use; the mark is gone after
    SEEN_SECONDS without another one."""
    memory = {str(number): resident_bytes(number) for number in (os.getpid(), *children)}
    with client() as connection:
        connection.set(f"{prefix}{socket.gethostname()}:{os.getpid()}", json.dumps(memory), ex=SEEN_SECONDS)


def resident_bytes(number: int) -> int:
    """The memory of a process, 0 where that is not known."""
    try:
        return int(Path(f"/proc/{number}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def worker_was_seen() -> bool:
    return bool(workers_seen())


def workers_seen() -> list[str]:
    """The workers seen in the last SEEN_SECONDS, as host:process."""
    with client() as connection:
        marks = connection.scan_iter(f"{PREFIX}*", count=1000)
        return sorted((mark.decode() if isinstance(mark, bytes) else mark).removeprefix(PREFIX) for mark in marks)


@dataclass(frozen=True)
class SeenWorker:
    """name: host:process of the parent. memory: bytes by process number, the parent's first."""

    kind: str
    name: str
    memory: dict[str, int]


def workers_with_memory() -> list[SeenWorker]:
    """All workers seen in the last SEEN_SECONDS, trainers among them."""
    found = []
    with client() as connection:
        for kind, prefix in (("analysis", PREFIX), ("training", TRAINERS)):
            for key in sorted(connection.scan_iter(f"{prefix}*", count=1000)):
                memory = json.loads(connection.get(key) or "{}")
                found.append(SeenWorker(kind, key.decode().removeprefix(prefix), memory))
    return found
