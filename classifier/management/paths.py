"""Paths that a person names on the command line."""

import sys
from collections.abc import Iterator
from pathlib import Path


def expand(paths: list[str]) -> Iterator[str]:
    """Folders become the files below them; a path that is not there is passed on and reported as an error."""
    for path in paths:
        if path == "-":
            yield from (line.rstrip("\r\n") for line in sys.stdin if line.strip())
        elif Path(path).is_dir():
            yield from (str(file) for file in sorted(Path(path).rglob("*")) if file.is_file())
        else:
            yield path
