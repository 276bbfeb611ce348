"""An empty installation filled from a backup, whatever database either of them has: all of it, or nothing."""

import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from django.apps import apps
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import models, transaction

from classifier.models import Image
from classifier.operations import plain_rows
from classifier.operations.backing_up import END, FORMAT, HEAD, End, Hashing, Head, Told, media_root, migrations_applied

SMALL = 8_000_000
"""Bytes up to which a file is kept in memory on its way."""


class RestoreError(Exception):
    """Says what was expected, what was found and what to do."""


def _incomplete(error: Exception) -> RestoreError:
    return RestoreError(f"expected a complete backup made by manage.py backup ({error})")


class Content(Hashing):
    """As `Hashing`. Raises RestoreError where the file ends too early."""

    def read(self, size: int = -1) -> bytes:
        try:
            return super().read(size)
        except tarfile.TarError as error:
            raise _incomplete(error) from error


def check(source: IO[bytes], tell: Told = lambda sentence: None) -> End:
    """Read a backup through, storing nothing. Returns its end. Raises RestoreError."""
    reader = Reader(source)
    for _, content in reader.members():
        while content.read(1 << 20):
            pass
    tell("The backup is complete.")
    return reader.end


def restore(source: IO[bytes], tell: Told = lambda sentence: None) -> End:
    """Returns the backup's end. Raises RestoreError; nothing is changed then."""
    if occupied := plain_rows.occupied():
        raise RestoreError(
            f"expected an empty installation, found {', '.join(occupied)}. Point DATABASE_URL and MEDIA_ROOT at new "
            "places and try again."
        )
    with StoredNames() as stored, transaction.atomic():
        plain_rows.clear_detectors()
        end = _fill(Reader(source), stored, tell)
        plain_rows.count_on()
    return end


class Reader:
    """The members of a backup one after the other; `head` is known from the first one on, `end` after the last one."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source = source
        self.digest = hashlib.sha256()
        self.head: Head = cast(Head, {})
        self.end: End = cast(End, {})

    def members(self) -> Iterator[tuple[str, Hashing]]:
        """Name and content, each to be read before the next one. Raises RestoreError when it is no complete backup."""
        try:
            with tarfile.open(fileobj=self.source, mode="r|") as tar:
                for member in tar:
                    tar.members.clear()  # type: ignore[attr-defined]  # or it would remember each of a million files
                    yield from self._read(member.name, tar.extractfile(member))
        except (tarfile.TarError, EOFError) as error:
            raise _incomplete(error) from error
        if not self.end:
            raise RestoreError("the backup breaks off before its end; use another one")

    def _read(self, name: str, content: IO[bytes] | None) -> Iterator[tuple[str, Hashing]]:
        if content is None:
            raise RestoreError(f"expected a file, received {name!r}")
        if name == END:
            self.end = json.load(content)
            if self.end["sha256"] != self.digest.hexdigest():
                raise RestoreError("the backup was changed or damaged after it was made; use another one")
            return
        self.digest.update(name.encode() + b"\0")
        hashing = Content(content, self.digest)
        if name == HEAD:
            self.head = json.loads(hashing.read())
            if self.head["format"] != FORMAT:
                raise RestoreError(f"expected a backup of format {FORMAT}, received {self.head['format']}")
            return
        if not self.head:
            raise RestoreError(f"expected {HEAD} first, received {name!r}; is it a backup?")
        yield name, hashing


class StoredNames:
    """Files that were stored, remembered on disk, since there may be millions; deleted where the rest goes wrong."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  (closed at the end)

    def __enter__(self) -> "StoredNames":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind:
            self._delete_all()
        self.file.close()

    def add(self, name: str) -> None:
        self.file.write(json.dumps(name) + "\n")

    def _delete_all(self) -> None:
        self.file.seek(0)
        for line in self.file:
            with suppress(OSError):
                default_storage.delete(json.loads(line))


def _fill(reader: Reader, stored: StoredNames, tell: Told) -> End:
    loader = plain_rows.Loader()
    rows: dict[str, int] = {}
    files = 0
    for name, content in reader.members():
        _require_same_tables(reader.head)
        kind, _, rest = name.partition("/")
        if kind == "rows":
            table = rest.rpartition("/")[0]
            rows[table] = rows.get(table, 0) + _load(loader, table, content)
        elif kind == "files":
            _store_file(rest, content, reader.head["media_root"], stored)
            files += 1
    expected = {table: count for table, count in reader.end["rows"].items() if count}
    if rows != expected or files != reader.end["files"]:
        raise RestoreError(f"expected {expected} and {reader.end['files']} files, received {rows} and {files}")
    _without_what_was_deleted(reader.end["missing"])
    tell(f"{sum(rows.values()):,} rows and {files:,} files are back.")
    return reader.end


def _require_same_tables(head: Head) -> None:
    theirs, ours = set(head["migrations"]), set(migrations_applied())
    if theirs == ours:
        return
    newer, older = sorted(theirs - ours), sorted(ours - theirs)
    raise RestoreError(
        "expected a backup of the same version of aidetect. "
        + (f"The backup has migrations that are missing here: {', '.join(newer)}. " if newer else "")
        + (f"It lacks {', '.join(older)}. " if older else "")
        + "Install the version that made it, restore there, then upgrade."
    )


def _load(loader: plain_rows.Loader, table: str, content: Hashing) -> int:
    try:
        model = apps.get_model(table)
    except (LookupError, ValueError) as error:
        raise RestoreError(f"expected a table, received {table!r}") from error
    return loader.load(model, content.read().splitlines())


def _store_file(name: str, content: Hashing, old_root: str, stored: StoredNames) -> None:
    if default_storage.exists(name):
        raise RestoreError(f"expected an empty folder for uploads, found {name}; point MEDIA_ROOT at a new place")
    stored.add(name)
    with tempfile.SpooledTemporaryFile(SMALL) as copy:  # some stores read what they keep more than once
        if name.startswith("datasets/"):
            copy.write(_moved(content.read(), old_root))
        else:
            shutil.copyfileobj(content, copy)
        copy.seek(0)
        kept = default_storage.save(name, File(copy))
    if kept != name:
        stored.add(kept)
        raise RestoreError(f"expected to store {name}, but the store made it {kept}")


def _moved(manifest: bytes, old_root: str) -> bytes:
    """A dataset version's manifest, with its pictures where they are now."""
    return manifest.replace(_prefix(old_root), _prefix(media_root())) if old_root else manifest


def _prefix(root: str) -> bytes:
    return (str(Path(root)) + "/").encode() if root else b""


def _without_what_was_deleted(missing: list[str]) -> None:
    """Images that their owners deleted while the backup was being made stay deleted; other files that were gone leave
    their fields empty."""
    for start in range(0, len(missing), 200):
        some = missing[start : start + 200]
        for field in Image._meta.concrete_fields:
            if isinstance(field, models.FileField) and field.blank:
                Image._base_manager.filter(**{f"{field.name}__in": some}).update(**{field.name: ""})
        Image._base_manager.filter(original__in=some).delete()
