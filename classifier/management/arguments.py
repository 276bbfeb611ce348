"""What people name on the command line: a dataset version, an account, files."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db.models import Q

from classifier.learning.pictures_on_disk import on_disk
from classifier.models import DatasetVersion


def version_numbered(number: int | None) -> DatasetVersion:
    """By its number, or the newest. Raises CommandError."""
    versions = DatasetVersion.objects.all()
    version = versions.filter(number=number).first() if number else versions.first()
    if version is None:
        known = ", ".join(str(number) for number in versions.values_list("number", flat=True))
        raise CommandError(f"expected the number of a dataset version ({known or 'there is none yet: freeze_dataset'})")
    return version


@contextmanager
def manifest_named(number: int | None, path: Path) -> Iterator[Path]:
    """The manifest of a dataset version, whose pictures are files while the block runs, or else `path`. Raises
    CommandError, DatasetError."""
    if number:
        with on_disk(version_numbered(number)) as path:
            yield path
    else:
        yield path


def staff_named(name: str | None) -> User:
    """A staff account by email or name; without one, the first. Raises CommandError."""
    staff = User.objects.filter(is_staff=True, is_active=True).order_by("pk")
    person = staff.filter(Q(email=name) | Q(username=name)).first() if name else staff.first()
    if person is None:
        known = ", ".join(staff.values_list("username", flat=True)[:20]) or "none; `make run` makes the first"
        raise CommandError(f"expected a staff account ({known}); received {name!r}")
    return person


def expand(paths: list[str]) -> Iterator[str]:
    """Folders become the files below them; a path that is not there is passed on and reported as an error."""
    for path in paths:
        if path == "-":
            yield from (line.rstrip("\r\n") for line in sys.stdin if line.strip())
        elif Path(path).is_dir():
            yield from (str(file) for file in sorted(Path(path).rglob("*")) if file.is_file())
        else:
            yield path
