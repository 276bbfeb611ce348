from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.accounts import trail
from classifier.detector.errors import DetectorError
from classifier.learning import gate
from classifier.models import Act


class Command(BaseCommand):
    help = "Make the previous detector active again. Example: manage.py rollback --reason 'accuses night shots'"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            entry = gate.rollback(None, options["reason"])
        except DetectorError as error:
            raise CommandError(str(error)) from error
        trail.write(None, Act.ROLLED_BACK, "detector", entry.detector.pk, note=str(entry.detector))
        self.stdout.write(f"{entry.detector} is active again, {entry.before} no longer.")
