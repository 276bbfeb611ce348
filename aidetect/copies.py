"""Stored files where a path is needed: the file itself in a local folder, a copy of it from an object store."""

from pathlib import Path

from django.conf import settings
from django.core.files.storage import Storage, default_storage


def is_remote() -> bool:
    """Whether files lie in an object store, so that a path to one has to be made first."""
    return hasattr(default_storage, "fetch")


def fetched(kind: str) -> Path:
    """The folder for copies of one kind, on this machine's own disk; all of it may be deleted at any time."""
    return Path(settings.MEDIA_ROOT) / "fetched" / kind


def name_of(path: str) -> str:
    """The name in the store of what a manifest calls by a path; one that was written while files lay in MEDIA_ROOT
    says where there."""
    root = str(settings.MEDIA_ROOT).rstrip("/") + "/"
    return path.removeprefix(root)


def on_disk(name: str, copy: Path, storage: Storage = default_storage) -> Path:
    """Where a stored file can be read by path: itself, or `copy`, which is fetched unless it is there. Raises OSError,
    FileNotFoundError when the store doesn't have it."""
    if not hasattr(storage, "fetch"):
        return Path(storage.path(name))
    if not copy.is_file():
        storage.fetch(name, copy)
    return copy
