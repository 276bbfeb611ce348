import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from classifier.detector.data import manifest
from classifier.detector.errors import DetectorError
from classifier.management.keras_command import KerasCommand
from classifier.management.progress import counter
from classifier.registry import detectors


class Command(KerasCommand):
    help = (
        "Teach a detector on an encoder what is no photograph, from the art in a manifest and from pictures drawn by "
        "code. Example: manage.py fit_subject --detector vit-2026.11 --leave-out seed"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--detector", help="version; default: the active one")
        parser.add_argument("--manifest", type=Path, default=settings.MANIFEST)
        parser.add_argument("--leave-out", default="", help="sources whose photographs hold paintings, by comma")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.worker.subjects import fit_subject

        try:
            left_out = set(options["leave_out"].split(","))
            rows = [row for row in manifest.read(options["manifest"]) if row.source not in left_out]
            figures = fit_subject(detectors.find(options["detector"]), rows, counter("Looking"))
        except DetectorError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(figures, indent=1))
