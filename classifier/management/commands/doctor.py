"""What is wrong here, and what to do."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from classifier.operations import checkup, orphans
from classifier.operations.checkup import Finding, Level


class Command(BaseCommand):
    help = (
        "Checks settings, database, Redis, storage, workers, shipped files, trust list and disks, and says what to do. "
        "Example: manage.py doctor --files"
    )
    requires_system_checks: list[str] = []  # it runs them itself

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--files", action="store_true", help="also compares stored files with rows; reads only")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="mends what that shows: deletes files without rows, has missing copies and heat maps made again, "
            "releases what dead workers held",
        )

    def handle(self, *args: Any, files: bool, repair: bool, **options: Any) -> None:
        problems = sum(self._say(finding) for finding in checkup.examine())
        if (files or repair) and self._has_database():
            found = orphans.look(repair)
            problems += sum(self._say(finding) for finding in checkup.of_files(found, repair))
        if problems:
            raise CommandError(f"{problems} problem{'s' if problems > 1 else ''}", returncode=1)

    def _say(self, finding: Finding) -> bool:
        """Whether it is a problem."""
        styles: dict[Level, Callable[[str], str]] = {
            Level.FINE: str,
            Level.WARNING: self.style.WARNING,
            Level.PROBLEM: self.style.ERROR,
        }
        style = styles[finding.level]
        self.stdout.write(style(f"{finding.level:<8} {finding.about}: {finding.sentence}"))
        return finding.level == Level.PROBLEM

    def _has_database(self) -> bool:
        try:
            return "classifier_image" in connection.introspection.table_names()
        except DatabaseError:
            return False
