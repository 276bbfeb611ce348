"""Whether this worker was told to end. The signal reaches the parent alone; its children share one byte of memory with
it, so that they finish the batch in hand and take no other."""

import mmap
from typing import Any

from celery.signals import worker_shutting_down

_flag = mmap.mmap(-1, 1)
"""Made before the parent forks, and shared with whatever it forks."""


def told_to_stop() -> bool:
    return _flag[0] == 1


def stop(**_: Any) -> None:
    _flag[0] = 1


worker_shutting_down.connect(stop)
