"""WORKER ONLY: features of pictures that one training machine computed, for the others: kept in the object store, one
zip for each table of `feature_cache`, named by the table and how many rows it has. In a local folder there is nothing
to do."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from aidetect import copies

PARTS = ("json", "values", "names")
"""Names come last, as when they are written: they vouch for the values."""


@contextmanager
def shared() -> Iterator[None]:
    """What others computed is there while the block runs; what it adds is put there afterwards. Raises OSError."""
    if not copies.is_remote():
        yield
        return
    folder = Path(settings.MEDIA_ROOT) / "features"
    folder.mkdir(parents=True, exist_ok=True)
    stored = _stored()
    for key, count in stored.items():
        if count > _rows(folder / f"{key}.names"):
            _fetch(_name(key, count), folder)
    yield
    for names in folder.glob("*.names"):
        count, before = _rows(names), stored.get(names.stem, 0)
        if count > before:
            _keep(folder, names.stem, count)
            if before:
                default_storage.delete(_name(names.stem, before))


def _stored() -> dict[str, int]:
    """The most rows that the store has of each table."""
    known: dict[str, int] = {}
    for name in default_storage.listdir("features")[1]:
        key, _, count = Path(name).stem.rpartition("-")
        if count.isdigit():
            known[key] = max(int(count), known.get(key, 0))
    return known


def _name(key: str, count: int) -> str:
    return f"features/{key}-{count}.zip"


def _rows(names: Path) -> int:
    return names.read_bytes().count(b"\n") if names.is_file() else 0


def _fetch(name: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        with zipfile.ZipFile(copies.on_disk(name, Path(made) / "features.zip")) as archive:
            archive.extractall(made)
        for part in PARTS:
            for path in Path(made).glob(f"*.{part}"):
                path.replace(folder / path.name)


def _keep(folder: Path, key: str, count: int) -> None:
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for part in PARTS:
                archive.write(folder / f"{key}.{part}", f"{key}.{part}")
        file.seek(0)
        default_storage.save(_name(key, count), File(file))
