from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier import services
from classifier.detector.errors import DetectorError
from classifier.models import Detector


class Command(BaseCommand):
    help = "Make a detector the active one. Example: manage.py promote patch-2026.11.22"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", nargs="?", help="without one, the known versions are listed")

    def handle(self, *args: Any, **options: Any) -> None:
        services.active_detector()
        if not options["version"]:
            for detector in Detector.objects.all():
                self.stdout.write(f"{'*' if detector.active else ' '} {detector.version}")
            return
        try:
            detector = services.find_detector(options["version"])
            services.promote(detector)
        except DetectorError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{detector.version} is active; workers use it from their next batch on.")
