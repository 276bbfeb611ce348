"""Everything into one file."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from classifier.operations import backing_up


class Command(BaseCommand):
    help = (
        "Writes database and files into one tar file, as they are at this moment, while the site goes on. "
        "It holds private pictures: keep it as safe as the site itself. Example: manage.py backup /safe/site.tar"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="a new file; - writes to standard output")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        if file == "-":
            backing_up.write(sys.stdout.buffer, self.stderr.write)
            return
        path = Path(file)
        if path.exists():
            raise CommandError(f"{path} exists already; choose another name")
        partial = path.with_name(path.name + ".partial")
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                backing_up.write(out, self.stderr.write)
                out.flush()
                os.fsync(out.fileno())
            partial.rename(path)
        except OSError as error:
            raise CommandError(f"the backup could not be written: {error}") from error
        finally:
            partial.unlink(missing_ok=True)
        self.stdout.write(f"{path}: {path.stat().st_size:,} bytes")
