import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from classifier.detector.data import manifest
from classifier.detector.errors import DetectorError
from classifier.management.keras_command import KerasCommand
from classifier.registry import detectors


class Command(KerasCommand):
    help = (
        "Attack a detector with FGSM and PGD and report what succeeded and what was noticed. "
        "Example: manage.py attack --images 200"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--detector", help="version; default: the active one")
        parser.add_argument("--manifest", type=Path, default=settings.MANIFEST)
        parser.add_argument("--images", type=int, default=200, help="how many, half of each class, drawn at random")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--save", action="store_true", help="put the figures into the bundle and its model card")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.worker.measuring import attacked

        try:
            detector = detectors.find(options["detector"])
            rows = manifest.read(options["manifest"])
            report = attacked(detector, rows, options["images"], options["seed"], options["save"])
        except DetectorError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(report, indent=1))
