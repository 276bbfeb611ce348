"""Files without rows and rows without files, found and mended. Names are compared on disk: there may be millions."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.core.files.storage import default_storage
from django.db import models
from django.db.models import Q
from django.utils import timezone

from classifier import wakeups
from classifier.models import Image, State, claims
from classifier.operations.backing_up import below

FOLDERS = ("uploads", "derived", "imports", "inspections", "ready")
"""Where each file belongs to a row, or to a moment."""
YOUNG = timedelta(hours=1)
"""A younger file may belong to a row that is about to be written."""
EXAMPLES = 5


@dataclass
class Found:
    """strays: files that no row knows. lost: originals that are gone, by name. remake: images some of whose derived
    files are gone. no_heat: heat maps that are gone or were given up. stuck: rows released from dead workers."""

    strays: int = 0
    stray_bytes: int = 0
    stray_examples: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    remake: list[int] = field(default_factory=list)
    no_heat: int = 0
    stuck: int = 0


def look(repair: bool) -> Found:
    """Compare the store with the rows. repair: delete the strays, have what is missing made again, free what dead
    workers held."""
    found = Found(stuck=_stuck(repair))
    with _names() as names:
        _note_rows(names)
        _note_files(names, found, repair)
        _miss(names, found, repair)
    found.no_heat += _undrawn(repair)
    if repair:
        wakeups.wake_workers()
    return found


@contextmanager
def _names() -> Iterator[sqlite3.Connection]:
    with tempfile.NamedTemporaryFile(prefix="aidetect-names-") as file:
        connection = sqlite3.connect(file.name, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("CREATE TABLE named (name TEXT PRIMARY KEY, field TEXT, pk, there INT) WITHOUT ROWID")
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()


def _note_rows(names: sqlite3.Connection) -> None:
    for model in apps.get_models():
        for one in model._meta.concrete_fields:
            if isinstance(one, models.FileField):
                rows = model._base_manager.exclude(**{one.name: ""}).order_by("pk").values_list(one.name, "pk")
                label = f"{model._meta.label_lower}.{one.name}"
                named = ((str(name), label, pk) for name, pk in rows.iterator(chunk_size=2000))
                names.executemany("INSERT OR IGNORE INTO named VALUES (?, ?, ?, 0)", named)


def _note_files(names: sqlite3.Connection, found: Found, repair: bool) -> None:
    """Tick off the files that rows know; the others are strays."""
    before = timezone.now() - YOUNG
    for folder in FOLDERS:
        for name in below(default_storage, folder):
            if not names.execute("UPDATE named SET there = 1 WHERE name = ?", (name,)).rowcount:
                _stray(name, before, found, repair)


def _stray(name: str, before: Any, found: Found, repair: bool) -> None:
    try:
        if default_storage.get_modified_time(name) > before:
            return
        found.stray_bytes += default_storage.size(name)
    except FileNotFoundError:
        return
    found.strays += 1
    if len(found.stray_examples) < EXAMPLES:
        found.stray_examples.append(name)
    if repair:
        default_storage.delete(name)


def _miss(names: sqlite3.Connection, found: Found, repair: bool) -> None:
    """What rows name and the store doesn't have; asked once more, because rows and files may have changed meanwhile."""
    remake: set[int] = set()
    mend: dict[str, Callable[[int, str], None]] = {
        "classifier.image.heat": lambda pk, name: _forget_heat(pk, name, found, repair),
        "classifier.image.thumbnail": lambda pk, name: remake.add(pk),
        "classifier.image.display": lambda pk, name: remake.add(pk),
        "classifier.image.screen": lambda pk, name: remake.add(pk),
    }
    for name, label, pk in names.execute("SELECT name, field, pk FROM named WHERE there = 0"):
        if default_storage.exists(name) or not _is_named(label, pk, name):
            continue
        if label in mend:
            mend[label](pk, name)
        else:
            found.lost.append(name)
    again = Image.objects.filter(pk__in=remake, state=State.DONE).exclude(original__in=found.lost)
    found.remake = sorted(again.values_list("pk", flat=True))
    if repair:
        fresh = {"attempts": 0, "setbacks": 0, "not_before": None, "claim": None, "background": True}
        Image.objects.filter(pk__in=found.remake).update(state=State.WAITING, **fresh)


def _is_named(label: str, pk: int, name: str) -> bool:
    table, _, column = label.rpartition(".")
    return bool(apps.get_model(table)._base_manager.filter(**{"pk": pk, column: name}).exists())


def _forget_heat(pk: int, name: str, found: Found, repair: bool) -> None:
    found.no_heat += 1
    if repair:
        Image.objects.filter(pk=pk, heat=name).update(heat="", drawable=True)


def _undrawn(repair: bool) -> int:
    """Heat maps that could not be drawn are tried once more. Those still to be drawn are no fault."""
    rows = Image.objects.filter(Q(heat="") & Q(drawable=False), state=State.DONE)
    return rows.update(drawable=True) if repair else rows.count()


def _stuck(repair: bool) -> int:
    if repair:
        return claims.release_everything()
    return sum(claims.WorkQuerySet(kind).stale().count() for kind in _kinds())


def _kinds() -> list[Any]:
    return [model for model in apps.get_models() if issubclass(model, claims.Work)]
