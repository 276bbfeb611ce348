"""What a file is, told by its bytes."""

import hashlib
from pathlib import Path


def file_digest(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits; the file is read each time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
