"""Dataset versions: freeze what staff labelled, compare two of them, export one as folders."""

import csv
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import NotRequired, TypedDict

from django.contrib.auth.models import User
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from aidetect import copies
from classifier.detector.data import manifest
from classifier.detector.data.manifest import Row
from classifier.detector.errors import DatasetError
from classifier.detector.labels import CLASS_NAMES, FAKE
from classifier.detector.measuring import shortcuts
from classifier.intake import neighbours
from classifier.models import DatasetVersion, Evidence, Image, ImageQuerySet, State
from classifier.models.claims import require_mounted

SIZES = {
    "under 512": (0, 512),
    "512 to 1023": (512, 1024),
    "1024 to 2047": (1024, 2048),
    "2048 and more": (2048, 10**9),
}
EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif",
              "AVIF": "avif", "HEIF": "heic"}  # fmt: skip


Summary = TypedDict(
    "Summary",
    {
        "images": int,
        "splits": dict[str, dict[str, int]],
        "sources": dict[str, int],
        "generators": dict[str, int],
        "formats": dict[str, int],
        "longest side": dict[str, int],
        "warnings": list[str],
        "contradictions": int,
        "not compared": NotRequired[int],
    },
)
"""Of a version: counts by split and class, by source and the like, and what the audit warns of."""


def freeze(by: User | None, note: str = "") -> DatasetVersion:
    """A new version of every image that is labelled and may be used. Near-duplicates stay together, and what was tested
    on in an earlier version is never trained on. Raises DatasetError when a class is missing or nothing has changed."""
    rows = _rows()
    manifest.require_both_classes(rows, "labelled images with consent")
    with transaction.atomic():
        earlier = list(DatasetVersion.objects.select_for_update().order_by("number"))
        rows = manifest.split_again(manifest.group_near_duplicates(rows, neighbours.crops()), _splits(earlier))
        digest = manifest.digest(rows)
        if earlier and earlier[-1].digest == digest:
            raise DatasetError(f"nothing has changed since {earlier[-1]}; no new version")
        number = earlier[-1].number + 1 if earlier else 1
        summary: Summary = {**summary_of(rows), "not compared": _usable().filter(compared=False).count()}
        version = DatasetVersion(number=number, digest=digest, note=note, by=by, summary=summary)
        _store_manifest(version, rows)
        version.save()
    return version


def _usable() -> ImageQuerySet:
    return Image.objects.trainable().filter(label__in=CLASS_NAMES, state=State.DONE).exclude(dhash="").order_by("pk")


def _rows() -> list[Row]:
    images = _usable()
    by_hash: dict[str, Row] = {}
    quality = {
        piece.image_id: int(piece.details.get("quality") or 0)
        for piece in Evidence.objects.filter(kind="jpeg", image__in=images)
    }
    generators = {
        piece.image_id: str(piece.details.get("generator", ""))
        for piece in Evidence.objects.filter(kind="generator", image__in=images.filter(label=FAKE))
    }
    for image in images.iterator(chunk_size=2000):
        row = Row(
            path=str(image.original.name) if copies.is_remote() else image.original.path,
            label=image.label,
            source=image.source or f"person {image.owner_id}",
            subset=generators.get(image.pk, ""),
            sha256=image.sha256,
            dhash=image.dhash,
            format=image.format,
            width=image.width,
            height=image.height,
            bytes=image.size,
            quality=quality.get(image.pk, 0),
        )
        first = by_hash.setdefault(image.sha256, row)
        if first.label != row.label:  # two owners' same file, labelled differently: neither is used
            by_hash[image.sha256] = replace(first, label="")
    return [row for row in by_hash.values() if row.label]


def _splits(earlier: list[DatasetVersion]) -> dict[str, str]:
    """The strictest split that each image ever had."""
    known: dict[str, str] = {}
    for version in earlier:
        for row in rows_of(version):
            known[row.sha256] = max(known.get(row.sha256, "train"), row.split, key=manifest.SPLITS.index)
    return known


def rows_of(version: DatasetVersion) -> list[Row]:
    """As stored: the path of a picture in an object store is its name there. Raises DatasetError when the manifest is
    gone."""
    return manifest.read(manifest_of(version))


def manifest_of(version: DatasetVersion) -> Path:
    """A path to the manifest: itself, or a copy of it. Raises DatasetError when it is gone, OSError
    when the whole folder is: it may come back."""
    copy = copies.fetched("datasets") / f"{version.number}-{version.digest[:16]}.csv"
    if not copies.is_remote():
        require_mounted(Path(default_storage.path(version.manifest)))
    try:
        path = copies.on_disk(version.manifest, copy)
        require_mounted(path)
        return path
    except FileNotFoundError as error:
        raise DatasetError(f"the manifest of {version} is gone from the object store") from error


def _store_manifest(version: DatasetVersion, rows: list[Row]) -> None:
    """Over whatever lies there: a freeze that did not come to its end."""
    if not copies.is_remote():
        manifest.write(rows, Path(default_storage.path(version.manifest)))
        return
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "manifest.csv"
        manifest.write(rows, written)
        with written.open("rb") as file:
            default_storage.save(version.manifest, File(file))


def summary_of(rows: list[Row]) -> Summary:
    return {
        "images": len(rows),
        "splits": {
            name: dict(Counter(row.label for row in rows if row.split == name)) for name in reversed(manifest.SPLITS)
        },
        "sources": dict(Counter(row.source for row in rows).most_common(20)),
        "generators": dict(Counter(row.subset for row in rows if row.subset).most_common(20)),
        "formats": dict(Counter(row.format for row in rows)),
        "longest side": {name: sum(low <= row.longest < high for row in rows) for name, (low, high) in SIZES.items()},
        "warnings": [
            f"{finding.feature} alone tells the classes apart (AUC {finding.auc:.2f})"
            for finding in takewhile(
                lambda finding: not finding.source, shortcuts.findings(rows)
            )  # over all rows, first
            if finding.auc >= shortcuts.SHORTCUT
        ],
        "contradictions": len(manifest.contradictions(rows)),
    }


def difference(older: DatasetVersion, newer: DatasetVersion) -> dict[str, int]:
    """How many images were added, removed, relabelled and moved to another split."""
    before, after = ({row.sha256: row for row in rows_of(version)} for version in (older, newer))
    both = before.keys() & after.keys()
    return {
        "added": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
        "relabelled": sum(before[name].label != after[name].label for name in both),
        "moved": sum(before[name].split != after[name].split for name in both),
    }


def _copy(row: Row, target: Path) -> None:
    if copies.is_remote():
        copies.on_disk(copies.name_of(row.path), target)
    else:
        shutil.copyfile(row.path, target)


def export(version: DatasetVersion, folder: Path) -> tuple[int, list[str]]:
    """Copy a version into `split/CLASS/sha256.ext` with `metadata.csv` (Hugging Face's imagefolder) and its manifest.
    Returns how many images were copied and which are gone, deleted since by their owners. Raises DatasetError when the
    folder isn't empty."""
    if folder.exists() and any(folder.iterdir()):
        raise DatasetError(f"expected an empty folder; there is something in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    gone, kept = [], []
    for row in rows_of(version):
        name = f"{row.split}/{row.label}/{row.sha256[:32]}.{EXTENSIONS.get(row.format, 'img')}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            _copy(row, folder / name)
        except FileNotFoundError:
            gone.append(row.sha256)
        else:
            kept.append((name, row))
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "label", "split", "source", "group", "sha256"])
        table.writerows([name, row.label, row.split, row.source, row.group, row.sha256] for name, row in kept)
    manifest.write((replace(row, path=str((folder / name).resolve())) for name, row in kept), folder / "manifest.csv")
    return len(kept), gone
