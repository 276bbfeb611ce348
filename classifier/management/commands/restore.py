"""Everything back out of one file."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from classifier.operations import restoring
from classifier.operations.restoring import RestoreError


class Command(BaseCommand):
    help = (
        "Fills an empty installation from a backup, on SQLite or PostgreSQL. Stop web servers and workers first. "
        "Example: manage.py restore /safe/site.tar"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="what manage.py backup wrote; - reads standard input")
        parser.add_argument("--check", action="store_true", help="only reads it through to see that it is complete")

    def handle(self, *args: Any, file: str, check: bool, **options: Any) -> None:
        try:
            if file == "-":
                self._read(sys.stdin.buffer, check)
            else:
                with Path(file).open("rb") as source:
                    self._read(source, check)
        except (RestoreError, OSError) as error:
            raise CommandError(str(error)) from error

    def _read(self, source: IO[bytes], check: bool) -> None:
        if check:
            restoring.check(source, self.stdout.write)
            return
        call_command("migrate", verbosity=0)
        restoring.restore(source, self.stdout.write)
        self.stdout.write("Everybody has to sign in again. Start aidetect, then run manage.py doctor.")
