"""Everything an installation holds, written as one stream: rows as they are at one moment, then their files.

A tar archive: `head.json`, `rows/TABLE/NUMBER.jsonl`, `files/NAME`, `end.json`. Memory stays small whatever the size.
"""

import contextlib
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from django.core.files.storage import Storage, default_storage
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from classifier.operations import plain_rows

FORMAT = 1
HEAD, END = "head.json", "end.json"
PART = 4_000_000
"""Bytes of rows from which on another part begins."""
FOLDERS = ("datasets", "detectors", "encoders")
"""Stored files that rows know by number or version."""

Told = Callable[[str], None]


def migrations_applied() -> list[str]:
    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())


class Archive:
    """A tar written as a stream, with a digest over the names and contents of all members."""

    def __init__(self, out: IO[bytes]) -> None:
        self.tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115  (closed by `close`)
        self.digest = hashlib.sha256()

    def add(self, name: str, size: int, content: IO[bytes]) -> None:
        """Raises OSError when the content is shorter than said."""
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o600, int(timezone.now().timestamp())
        self.digest.update(name.encode() + b"\0")
        self.tar.addfile(member, Hashing(content, self.digest))
        self.tar.members.clear()  # type: ignore[attr-defined]  # or it would remember each of a million files

    def add_bytes(self, name: str, content: bytes) -> None:
        self.add(name, len(content), io.BytesIO(content))

    def close(self) -> None:
        self.tar.close()


class Hashing(io.RawIOBase):
    """Passes on what is read, and counts it into a digest."""

    def __init__(self, source: IO[bytes], digest: Any) -> None:
        self.source, self.digest = source, digest

    def read(self, size: int = -1) -> bytes:
        data = self.source.read(size)
        self.digest.update(data)
        return data


def write(out: IO[bytes], tell: Told = lambda sentence: None) -> dict[str, Any]:
    """Write the backup; returns its end, with the number of rows by table and of files. Files of images that are
    deleted while it is written are named in it as missing."""
    archive = Archive(out)
    with snapshot():
        archive.add_bytes(HEAD, json.dumps(_head(), indent=1).encode())
        rows = {}
        for model in plain_rows.tables():
            rows[model._meta.label_lower] = _add_rows(archive, model)
        tell(f"{sum(rows.values()):,} rows written")
        files, missing = 0, []
        for storage, name in stored_files():
            if _add_file(archive, storage, name):
                files += 1
            else:
                missing.append(name)
    end = {"rows": rows, "files": files, "missing": missing, "sha256": archive.digest.hexdigest()}
    archive.add_bytes(END, json.dumps(end, indent=1).encode())
    archive.close()
    tell(f"{files:,} files written" + (f", {len(missing):,} were gone already" if missing else ""))
    return end


def _head() -> dict[str, Any]:
    return {
        "format": FORMAT,
        "made_at": timezone.now().isoformat(),
        "database": connection.vendor,
        "migrations": migrations_applied(),
        "columns": {model._meta.label_lower: plain_rows.columns(model) for model in plain_rows.tables()},
        "media_root": media_root(),
    }


def media_root() -> str:
    """Where local files lie; "" for a store without paths."""
    try:
        return default_storage.path("")
    except NotImplementedError:
        return ""


@contextlib.contextmanager
def snapshot() -> Iterator[None]:
    """All reads inside see the database as it is now, while others go on writing."""
    if connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
        return
    with connection.cursor() as cursor:  # by hand: Django's own transactions take the lock for writing at once
        cursor.execute("BEGIN DEFERRED")
        try:
            cursor.execute("SELECT COUNT(*) FROM django_migrations").fetchone()  # the moment is now
            yield
        finally:
            cursor.execute("ROLLBACK")


def _add_rows(archive: Archive, model: type[models.Model]) -> int:
    count, part, buffer = 0, 0, bytearray()
    for line in plain_rows.written(model):
        buffer += line.encode() + b"\n"
        count += 1
        if len(buffer) >= PART:
            archive.add_bytes(f"rows/{model._meta.label_lower}/{part:06}.jsonl", bytes(buffer))
            part, buffer = part + 1, bytearray()
    if buffer:
        archive.add_bytes(f"rows/{model._meta.label_lower}/{part:06}.jsonl", bytes(buffer))
    return count


def stored_files() -> Iterator[tuple[Storage, str]]:
    """Every file that rows name, then those of FOLDERS. What can be made again (features, copies) is not among them."""
    for model in plain_rows.tables():
        fields = [field for field in model._meta.concrete_fields if isinstance(field, models.FileField)]
        if fields:
            names = model._base_manager.order_by("pk").values_list(*(field.name for field in fields))
            for row in names.iterator(chunk_size=1000):
                for field, name in zip(fields, row, strict=True):
                    if name and not str(name).startswith(FOLDERS):
                        yield field.storage, str(name)
    for folder in FOLDERS:
        for name in below(default_storage, folder):
            yield default_storage, name


def below(storage: Storage, folder: str) -> Iterator[str]:
    """The names of all files in a folder ("": the whole store) and its folders; none where there is none."""
    inside = f"{folder}/" if folder else ""
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (inside + name for name in sorted(files))
    for name in sorted(folders):
        yield from below(storage, inside + name)


def _add_file(archive: Archive, storage: Storage, name: str) -> bool:
    """False when there is no such file (any more)."""
    try:
        content = storage.open(name)
        size = content.size
    except FileNotFoundError:
        return False
    with content:
        archive.add(f"files/{name}", size, content)
    return True
