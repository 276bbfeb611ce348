"""Commands that load Keras."""

import contextlib
import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from classifier.detector import standard_error


class KerasCommand(BaseCommand):
    """What the native libraries print about processors and options goes to `MEDIA_ROOT/native.log`."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        with native_notes(Path(settings.MEDIA_ROOT) / "native.log"):
            return super().execute(*args, **options)


@contextmanager
def native_notes(log: Path) -> Iterator[None]:
    """File descriptor 2 leads to `log`. Python's messages must not go through it: manage.py gives them a descriptor of
    their own; where they do, or `log` can't be written, nothing is changed."""
    led = ExitStack()
    with contextlib.suppress(OSError, ValueError):
        if type(sys.stderr) is io.TextIOWrapper and sys.stderr.fileno() != 2:  # pytest's is a class of its own
            log.parent.mkdir(parents=True, exist_ok=True)
            led.enter_context(standard_error.led_to(log))
    with led:
        yield
