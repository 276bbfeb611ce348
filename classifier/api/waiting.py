"""Waiting for a worker while the caller waits. Each wait holds a thread of the web server, so only so many do at once:
whoever comes later is answered at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LONGEST = 10
"""Seconds that a caller may ask to wait."""
MOST = 2
"""Calls that wait in one web process; gunicorn has four threads, and pages need some."""
PAUSE = 0.1
_slots = threading.BoundedSemaphore(MOST)


@contextmanager
def slot() -> Iterator[bool]:
    """A place among those who wait; False: all are taken."""
    taken = _slots.acquire(blocking=False)
    try:
        yield taken
    finally:
        if taken:
            _slots.release()


def until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again, for at most so many seconds. Returns what was last said."""
    deadline = time.monotonic() + seconds
    while not (said := is_so()) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return said
