"""What native libraries print: TensorFlow's C++ writes start-up notes straight to file descriptor 2, before any log
level can be set."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def led_to(place: Path) -> Iterator[None]:
    """File descriptor 2 leads to the end of a file. Raises OSError, before anything is changed, where that can't be
    written. Python's own errors pass as exceptions."""
    with place.open("ab") as file:
        sys.stderr.flush()
        kept = os.dup(2)
        try:
            os.dup2(file.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
