"""What workers did and how long it took, counted in Redis: a process may end at any time, and another one is asked.

For charts only. Counts of the last batch are lost with its worker, all of them with Redis' data; Prometheus knows that
counters may begin again at 0. Nothing that must be right is decided by them: that stands in the rows.
"""

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterator
from threading import Lock

from redis import RedisError

from aidetect import broker

logger = logging.getLogger(__name__)

KEY = "aidetect:tally"
PAUSE = 60.0
"""Seconds without another try after Redis did not answer, so that counting never holds up work for long."""

_pending: Counter[str] = Counter()
_lock = Lock()
_silent_until = 0.0


def add(name: str, amount: float = 1) -> None:
    """name: words with colons between, such as `failures:unreadable`. Sent by `flush`."""
    with _lock:
        _pending[name] += amount  # type: ignore[assignment]  # floats, too


@contextlib.contextmanager
def timed(stage: str, times: int = 1) -> Iterator[None]:
    """Seconds spent inside, however it ends. times: how many images they were spent on."""
    started = time.perf_counter()
    try:
        yield
    finally:
        spent(stage, time.perf_counter() - started, times)


def spent(stage: str, seconds: float, times: int = 1) -> None:
    add(f"stage:{stage}:seconds", seconds)
    add(f"stage:{stage}:images", times)


def flush() -> None:
    """Add what was counted since the last time; what Redis does not take is dropped."""
    global _silent_until
    with _lock:
        amounts = dict(_pending)
        _pending.clear()
    if not amounts or time.monotonic() < _silent_until:
        return
    try:
        with broker.client() as client, client.pipeline(transaction=False) as pipeline:
            for name, amount in amounts.items():
                pipeline.hincrbyfloat(KEY, name, amount)
            pipeline.execute()
    except (RedisError, OSError) as error:
        _silent_until = time.monotonic() + PAUSE
        logger.warning("what was done is not counted for a while: %s", error)


def read() -> dict[str, float]:
    """All counters. Raises RedisError."""
    with broker.client() as client:
        counted = client.hgetall(KEY)
    return {name.decode(): float(amount) for name, amount in counted.items()}
