"""The one reader of labelled collections: a folder or a zip, with REAL/ and FAKE/ or a table that says what is what.

The same rules hold for all of them. Class folders count in upper and lower case and at any depth; hidden files and
`__MACOSX` are no part of a collection; a name that leads out of it is refused; no more is unpacked than was asked for.
"""

import csv
import errno
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from classifier.detector.errors import DatasetError, UnreadableImage
from classifier.detector.images.quality import FileFacts
from classifier.detector.labels import CLASS_NAMES

TABLES = ("manifest.csv", "metadata.csv")
"""Names of tables that are found by themselves, at the top or one folder below."""
PATHS = ("path", "file_name", "crop")
"""Columns that name a picture; the first that is filled counts."""
MOST_TABLE = 60_000_000
MOST_DIRECTORY = 32_000_000
"""Bytes of a zip's list of files: more than 200,000 files with long names have. It is read whole before any is seen."""
OF_THE_MACHINE = {errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV, errno.EMFILE, errno.ENFILE, errno.ETIMEDOUT}
"""Errors that say nothing about the collection: they are passed on as they are."""


@dataclass(frozen=True)
class Entry:
    """One picture. name, whole: paths inside the collection, with slashes. source: what the table says, or the folder
    below the class; "" where there is none. original: what the table says of a file that `name` is only a part of."""

    name: str
    label: str
    source: str = ""
    subset: str = ""
    kind: str = ""
    license: str = ""
    whole: str = ""
    original: FileFacts | None = None


class Folder:
    """A folder on this machine's own disk."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        if not path.is_dir():
            raise DatasetError(f"expected a folder with REAL/ and FAKE/ in it; {path} is not a folder")

    def names(self) -> list[str]:
        files = (path for path in sorted(self.path.rglob("*")) if path.is_file())
        return _visible(path.relative_to(self.path).as_posix() for path in files)

    def named(self, base: PurePosixPath, told: str) -> str:
        """The name of what a table tells in `base`. Our own manifests tell where on the disk a file lies."""
        path = Path(told)
        return path.relative_to(self.path).as_posix() if path.is_relative_to(self.path) else str(base / told)

    def holds(self, name: str) -> bool:
        return _is_safe(name) and (self.path / name).is_file()

    def where(self, name: str) -> Path:
        """Raises UnreadableImage when it is not below the folder."""
        _refuse_tricks(name)
        return self.path / name

    def read(self, name: str, most: int) -> bytes:
        """At most `most` bytes. Raises UnreadableImage, or OSError when the disk fails."""
        try:
            with self.where(name).open("rb") as file:
                return file.read(most)
        except OSError as error:
            _pass_on(error)
            raise UnreadableImage("damaged", f"it can't be read ({error.strerror})") from error


class Archive:
    """A zip; nothing of it is ever unpacked to a path of its own choosing."""

    def __init__(self, file: Path | IO[bytes]) -> None:
        try:
            _check_directory(file)
            self.zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            _pass_on(error)
            raise DatasetError(f"expected a zip; this file can't be opened ({error})") from error

    def names(self) -> list[str]:
        files = (info.filename for info in self.zip.infolist() if info.filename and not info.is_dir())
        return _visible(dict.fromkeys(files))

    def unpacked_size(self) -> int:
        """Bytes of all files as the zip declares them; no more than that is ever read of one."""
        return sum(info.file_size for info in self.zip.infolist())

    def named(self, base: PurePosixPath, told: str) -> str:
        return str(base / told)

    def holds(self, name: str) -> bool:
        return name in self.zip.NameToInfo

    def read(self, name: str, most: int) -> bytes:
        """At most `most` bytes, whatever the zip says of its size. Raises UnreadableImage, or OSError when the disk
        fails."""
        _refuse_tricks(name)
        try:
            with self.zip.open(name) as file:
                return file.read(most)
        except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, KeyError, ValueError) as error:
            _pass_on(error)
            raise UnreadableImage("damaged", f"it can't be unpacked ({error})") from error
        except Exception as error:  # zlib.error and its like
            raise UnreadableImage("damaged", f"it is damaged inside the zip ({error})") from error


Collection = Folder | Archive


def open_collection(place: Path | IO[bytes]) -> Collection:
    """A zip, by its path or as an open file, or a folder. Raises DatasetError when it is neither."""
    return Archive(place) if not isinstance(place, Path) or place.is_file() else Folder(place)


def entries_of(collection: Collection, table: Path | None = None) -> list[Entry]:
    """What is in it, always in the same order: what `table` lists, by paths from the collection's top; or else what its
    own table lists, by paths from that table's folder; or else what lies below folders named REAL and FAKE. Raises
    DatasetError for a table that can't be followed."""
    if table:
        return _listed(collection, _lines(table.read_bytes(), str(table)), PurePosixPath(), str(table))
    names = collection.names()
    for name in _tables_among(names):
        lines = _lines(_table(collection, name), name)
        if lines and "label" in lines[0] and any(column in lines[0] for column in PATHS):
            return _listed(collection, lines, PurePosixPath(name).parent, name)
    return [entry for name in names if (entry := _placed(name))]


def _pass_on(error: Exception) -> None:
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        raise error


def _check_directory(file: Path | IO[bytes]) -> None:
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return _check_directory(opened)
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # what ZipFile goes by: it would read that much
    if end and end[5] > MOST_DIRECTORY:
        raise DatasetError(
            f"expected a list of files of at most {MOST_DIRECTORY:,} bytes in the zip; it has {end[5]:,}"
        )
    return None


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name.replace("\\", "/")).parts


def _visible(names: Iterable[str]) -> list[str]:
    return [name for name in names if not any(_is_hidden(part) for part in _parts(name))]


def _is_hidden(part: str) -> bool:
    return part == "__MACOSX" or (part.startswith(".") and part != "..")


def _is_safe(name: str) -> bool:
    return bool(_parts(name)) and ".." not in _parts(name) and not name.startswith(("/", "\\"))


def _refuse_tricks(name: str) -> None:
    if not _is_safe(name):
        raise UnreadableImage("path", "its path leads out of the collection")


def _placed(name: str) -> Entry | None:
    parts = _parts(name)
    at = next((i for i, part in enumerate(parts[:-1]) if part.upper() in CLASS_NAMES), None)
    if at is None:
        return None
    return Entry(name, parts[at].upper(), parts[at + 1] if len(parts) > at + 2 else "")


def _tables_among(names: Iterable[str]) -> list[str]:
    tables = [name for name in names if PurePosixPath(name).name in TABLES and name.count("/") <= 1]
    return sorted(tables, key=lambda name: (name.count("/"), TABLES.index(PurePosixPath(name).name), name))


def _table(collection: Collection, name: str) -> bytes:
    try:
        content = collection.read(name, MOST_TABLE + 1)
    except UnreadableImage as error:
        raise DatasetError(f"{name}: {error}") from error
    if len(content) > MOST_TABLE:
        raise DatasetError(f"{name}: expected at most {MOST_TABLE:,} bytes")
    return content


def _lines(content: bytes, table: str) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace"), newline="")))
    except csv.Error as error:
        raise DatasetError(f"{table}: expected a CSV ({error})") from error


def _listed(collection: Collection, lines: Iterable[dict[str, str]], base: PurePosixPath, table: str) -> list[Entry]:
    entries = []
    for line in lines:
        told = next((line[column] for column in PATHS if line.get(column)), "")
        label = (line.get("label") or "").upper()
        if not told or label not in CLASS_NAMES:
            expected = "columns path (file_name or crop) and label REAL or FAKE"
            raise DatasetError(f"{table}: expected {expected}; received {str(line)[:300]}")
        name = _name_in(collection, base, told, table)
        whole = _name_in(collection, base, line["whole"], table) if line.get("whole") else ""
        source, subset, kind, license = (line.get(key) or "" for key in ("source", "subset", "kind", "license"))
        entries.append(Entry(name, label, source, subset, kind, license, whole, _original(line, table)))
    return entries


def _name_in(collection: Collection, base: PurePosixPath, told: str, table: str) -> str:
    name = collection.named(base, told)
    if not collection.holds(name):
        raise DatasetError(f"{table}: {told[:200]!r} is not among the files")
    return name


def _original(line: dict[str, str], table: str) -> FileFacts | None:
    form = line.get("original_format") or ""
    names = ("original_width", "original_height", "jpeg_quality")
    return FileFacts(form, *(_number(line, name, table) for name in names)) if form else None


def _number(line: dict[str, str], name: str, table: str) -> int:
    """0 where there is none."""
    value = line.get(name) or "0"
    try:
        return int(float(value))
    except (ValueError, OverflowError) as error:
        raise DatasetError(f"{table}: expected a number as {name}; received {value[:50]!r}") from error
