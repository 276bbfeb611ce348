"""The dataset manifest: one row an image, near-duplicate groups, leak-free splits and a digest of it all."""

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from classifier.detector.data.collection import Folder, entries_of
from classifier.detector.errors import DatasetError, UnreadableImage
from classifier.detector.images.decoding import Limits, read_rgb
from classifier.detector.images.nearness import BANDS, NEAR, dhash
from classifier.detector.images.quality import FileFacts, describe
from classifier.detector.labels import CLASS_NAMES

PHOTO = "photo"
"""The kind of rows that detectors are measured on; others (art) may train along."""
SPLITS = ("train", "validation", "test")
NUMBERS = ("width", "height", "bytes", "quality")
ANY_SIZE = Limits(megapixels=200, smallest_side=8)


@dataclass(frozen=True)
class Row:
    """One image. `path` holds native-resolution pixels; `whole`, if set, the whole picture scaled down.

    format to quality describe the original file (pixels, bytes, estimated JPEG quality 1–100; "" or 0 where unknown).
    They are never shown to a network; `shortcuts` measures how much they alone give the label away.
    """

    path: str
    label: str
    source: str
    subset: str = ""
    kind: str = PHOTO
    whole: str = ""
    sha256: str = ""
    dhash: str = ""
    group: str = ""
    split: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    bytes: int = 0
    quality: int = 0

    @property
    def longest(self) -> int:
        """Longest side of the original in pixels, 0 where unknown."""
        return max(self.width, self.height)

    @classmethod
    def of(cls, line: Mapping[str, str]) -> "Row":
        """A line of the manifest. Raises ValueError for what is no number, TypeError for columns that are not ours."""
        numbers = {name: int(float(line.get(name) or 0)) for name in NUMBERS}
        return cls(**{**line, **numbers})  # type: ignore[arg-type]

    def as_line(self) -> dict[str, str]:
        """For the manifest: what is not known is empty there."""
        return {name: "" if name in NUMBERS and not value else str(value) for name, value in asdict(self).items()}


def import_folder(
    folder: Path, table: Path | None = None, on_file: Callable[[int, int], None] | None = None
) -> tuple[list[Row], list[str]]:
    """Read every image below `folder` and return (rows, complaints about files that were skipped).

    What its images are is said by `table`, by a table in the folder or by folders named REAL and FAKE, see
    `collection`. The same bytes twice are kept once, or not at all when they are in both classes. Raises DatasetError
    unless both classes are found.
    """
    listed = _rows_of(folder, table)
    kept: dict[str, Row] = {}
    contradictory: set[str] = set()
    complaints: list[str] = []
    for index, row in enumerate(listed, 1):
        try:
            row = _fingerprint(row)
        except UnreadableImage as error:
            complaints.append(f"{row.path}: {error}")
        else:
            first = kept.setdefault(row.sha256, row)
            if first.label != row.label:
                contradictory.add(row.sha256)
                complaints.append(f"{row.path} is {row.label}, {first.path} {first.label}: one file, neither is used")
        if on_file:
            on_file(index, len(listed))
    rows = [row for row in kept.values() if row.sha256 not in contradictory]
    require_both_classes(rows, str(folder))
    return group_near_duplicates(rows), complaints


def _rows_of(folder: Path, table: Path | None) -> list[Row]:
    place = Folder(folder)
    rows = []
    for entry in entries_of(place, table):
        whole = str(place.where(entry.whole)) if entry.whole else ""
        source, kind = entry.source or place.path.name, entry.kind or PHOTO
        row = Row(str(place.where(entry.name)), entry.label, source, entry.subset, kind, whole)
        rows.append(_described(row, entry.original) if entry.original else row)
    return rows


def _fingerprint(row: Row) -> Row:
    image = read_rgb(row.whole or row.path, ANY_SIZE)
    content = Path(row.path).read_bytes()
    if not row.format:
        row = _described(replace(row, bytes=len(content)), describe(content))
    return replace(row, sha256=hashlib.sha256(content).hexdigest(), dhash=dhash(image))


def _described(row: Row, file: FileFacts) -> Row:
    return replace(row, format=file.format, width=file.width, height=file.height, quality=file.quality)


def require_both_classes(rows: Sequence[Row], where: str) -> None:
    """Raise DatasetError unless both classes have at least one image."""
    counts = Counter(row.label for row in rows)
    if not rows:
        raise DatasetError(f"{where}: expected images below folders named REAL and FAKE; found none that can be read")
    if missing := [name for name in CLASS_NAMES if not counts[name]]:
        raise DatasetError(f"{where}: expected images of both classes; found no {' and no '.join(missing)}")


def group_near_duplicates(rows: Sequence[Row], linked: Iterable[tuple[str, str]] = ()) -> list[Row]:
    """Give every row a group; rows whose dHashes differ in at most NEAR bits (transitively) share one, and so do those
    that `linked` pairs by SHA-256 (crops).

    Hashes are banded (five bands: two hashes within 4 bits agree in one band at least), so no all-pairs comparison.
    """
    hashes = [int(row.dhash, 16) for row in rows]
    parent = list(range(len(rows)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    place = {row.sha256: index for index, row in enumerate(rows)}
    for pair in linked:
        if all(name in place for name in pair):
            parent[root(place[pair[0]])] = root(place[pair[1]])
    for start, width in BANDS:
        buckets: dict[int, list[int]] = defaultdict(list)
        for index, value in enumerate(hashes):
            buckets[(value >> start) & ((1 << width) - 1)].append(index)
        for bucket in buckets.values():
            values = np.array([hashes[index] for index in bucket], dtype=np.uint64)
            for position, index in enumerate(bucket):
                distances = np.bitwise_count(values[position + 1 :] ^ values[position])
                for other in np.flatnonzero(distances <= NEAR):
                    parent[root(bucket[position + 1 + int(other)])] = root(index)
    return [replace(row, group=rows[root(index)].sha256[:16]) for index, row in enumerate(rows)]


def split_by_source(rows: Sequence[Row], validation: Iterable[str], test: Iterable[str]) -> list[Row]:
    """Whole sources held out: a source named in `test` or `validation` goes there, everything else to train.

    A near-duplicate group never crosses: when it would, only its rows of the stricter split (test, then validation)
    are kept, the others are left out. Raises DatasetError for a source that is not in the rows.
    """
    wanted = {**dict.fromkeys(validation, "validation"), **dict.fromkeys(test, "test")}
    if unknown := set(wanted) - {row.source for row in rows}:
        raise DatasetError(f"expected sources that are in the dataset; not there: {', '.join(sorted(unknown))}")
    placed = [replace(row, split=wanted.get(row.source, "train")) for row in rows]
    strictest: dict[str, str] = {}
    for row in placed:
        strictest[row.group] = max(strictest.get(row.group, "train"), row.split, key=SPLITS.index)
    return [row for row in placed if row.split == strictest[row.group]]


def split_by_group(rows: Sequence[Row], validation: float = 0.15, test: float = 0.15, seed: int = 0) -> list[Row]:
    """Random split of near-duplicate groups, the shares kept within each class. For folders with a single source."""
    rng = np.random.default_rng(seed)
    split_of: dict[str, str] = {}
    for label in CLASS_NAMES:
        groups = sorted({row.group for row in rows if row.label == label} - split_of.keys())
        order = rng.permutation(len(groups))
        for rank, index in enumerate(order):
            share = (rank + 0.5) / len(groups)
            name = "test" if share < test else "validation" if share < test + validation else "train"
            split_of[groups[index]] = name
    return [replace(row, split=split_of[row.group]) for row in rows]


def split(rows: Sequence[Row], validation: Sequence[str], test: Sequence[str], seed: int = 0) -> list[Row]:
    """By source when sources are named (without validation sources, 15 % of the remaining groups), else by group."""
    if not validation and not test:
        return split_by_group(rows, seed=seed)
    placed = split_by_source(rows, validation, test)
    if validation:
        return placed
    rest = split_by_group([row for row in placed if row.split == "train"], test=0, seed=seed)
    return [row for row in placed if row.split != "train"] + rest


def split_again(
    rows: Sequence[Row], known: Mapping[str, str], validation: float = 0.15, test: float = 0.15
) -> list[Row]:
    """By group, as before where it was before: a group with an image of `known` ({sha256: split}) goes where the
    strictest of them was, so that a test image never becomes a training image. New groups fill up what each class lacks
    in test and validation, in the order of their names' hashes."""
    place: dict[str, str] = {}
    for row in rows:
        if row.sha256 in known:
            place[row.group] = max(place.get(row.group, "train"), known[row.sha256], key=SPLITS.index)
    for label in CLASS_NAMES:
        groups = {row.group for row in rows if row.label == label}
        fresh = sorted(groups - place.keys(), key=lambda group: hashlib.sha256(group.encode()).hexdigest())
        for name, share in (("test", test), ("validation", validation)):
            wanted = max(1, round(share * len(groups))) - sum(place.get(group) == name for group in groups)
            taken, fresh = fresh[: max(0, wanted)], fresh[max(0, wanted) :]
            place |= dict.fromkeys(taken, name)
    return [replace(row, split=place.get(row.group, "train")) for row in rows]


def count_lines(rows: Sequence[Row]) -> list[str]:
    """For people: one line a split, with its images by class and its sources."""
    lines = []
    for name in SPLITS:
        here = [row for row in rows if row.split == name]
        counts = Counter(row.label for row in here)
        sources = ", ".join(sorted({row.source for row in here})) or "–"
        lines.append(f"{name}: {counts['REAL']} REAL, {counts['FAKE']} FAKE; sources: {sources}")
    return lines


def still_there(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """The rows whose files exist, and how many do not: their owners deleted them."""
    there = [row for row in rows if Path(row.path).is_file()]
    return there, len(rows) - len(there)


def leaks(rows: Sequence[Row]) -> list[str]:
    """Near-duplicate groups that appear in more than one split; an empty list means that nothing leaks."""
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        splits[row.group].add(row.split)
    return sorted(group for group, where in splits.items() if len(where) > 1)


def contradictions(rows: Sequence[Row]) -> list[str]:
    """Near-duplicate groups that hold both classes: a wrong label, or a picture and its regenerated twin."""
    labels: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        labels[row.group].add(row.label)
    return sorted(group for group, found in labels.items() if len(found) > 1)


def digest(rows: Iterable[Row]) -> str:
    """SHA-256 over content, label and split of every row; independent of order, names and places."""
    lines = sorted(f"{row.sha256} {row.label} {row.split}" for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def write(rows: Iterable[Row], path: Path) -> None:
    """Write a manifest as CSV, through a temporary file, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(row.as_line() for row in rows)
    partial.replace(path)


def read(path: Path) -> list[Row]:
    """Read a manifest written by `write`. Raises DatasetError when it is missing or has other columns."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [Row.of(line) for line in csv.DictReader(file)]
    except FileNotFoundError:
        raise DatasetError(f"expected a manifest at {path}; make one with: manage.py import_dataset DIR") from None
    except (TypeError, ValueError, csv.Error) as error:
        raise DatasetError(f"{path} is not a manifest of aidetect ({error})") from error
