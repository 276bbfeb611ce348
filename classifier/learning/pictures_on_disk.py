"""A dataset version where training can read it: its manifest and its pictures as files of this machine. In a local
folder they lie there anyway; from an object store they are fetched for as long as they are used, and no longer: a
picture that its owner deletes must not live on in some machine's copy."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from aidetect import copies
from classifier.detector.data import manifest
from classifier.detector.data.manifest import Row
from classifier.learning import versions
from classifier.models import DatasetVersion

AT_ONCE = 8
"""Pictures that are fetched at the same time."""


@contextmanager
def on_disk(version: DatasetVersion, split: str = "") -> Iterator[Path]:
    """The path of a manifest of the version, or of one split of it, whose pictures are files while the block runs, but
    for those that their owners deleted. Raises DatasetError, OSError."""
    if not copies.is_remote() and not split:
        yield versions.manifest_of(version)
        return
    rows = [row for row in versions.rows_of(version) if split in ("", row.split)]
    with _folder() as folder:
        rows = _fetched(rows, folder) if copies.is_remote() else rows
        manifest.write(rows, folder / "manifest.csv")
        yield folder / "manifest.csv"


def _fetched(rows: Sequence[Row], folder: Path) -> list[Row]:
    def fetch(row: Row) -> Row:
        place = folder / row.sha256
        with suppress(FileNotFoundError):
            copies.on_disk(copies.name_of(row.path), place)
        return replace(row, path=str(place))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(fetch, rows))


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of this process, locked as long as it lives; what killed ones left behind is removed first."""
    root = copies.fetched("pictures")
    root.mkdir(parents=True, exist_ok=True)
    for left in root.iterdir():
        with suppress(Timeout), FileLock(left / "lock", timeout=0):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        with FileLock(folder / "lock"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
