"""Commands that load Keras."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class KerasCommand(BaseCommand):
    """What the native libraries print about processors and options goes to `MEDIA_ROOT/native.log`."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        with native_notes(Path(settings.MEDIA_ROOT) / "native.log"):
            return super().execute(*args, **options)


@contextmanager
def native_notes(log: Path) -> Iterator[None]:
    """File descriptor 2 leads to `log`. Python's messages must not go through it: manage.py gives them a descriptor of
    their own; where they do, or `log` can't be written, nothing is changed."""
    try:
        if type(sys.stderr) is not io.TextIOWrapper or sys.stderr.fileno() == 2:  # pytest's is a class of its own
            raise OSError
        log.parent.mkdir(parents=True, exist_ok=True)
        file = log.open("ab")
    except (OSError, ValueError):
        yield
        return
    before = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        file.close()
