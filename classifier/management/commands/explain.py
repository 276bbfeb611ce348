from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from classifier.detector.errors import DetectorError
from classifier.management.keras_command import KerasCommand
from classifier.registry import detectors


class Command(KerasCommand):
    help = (
        "Draw where the detector looked: orange towards AI-generated, blue towards a photograph. "
        "Example: manage.py explain photo.jpg heat.png"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("image", type=Path)
        parser.add_argument("output", type=Path, help="a PNG: the heat over the picture")
        parser.add_argument("--detector", help="version; default: the active one")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.worker.files import explain

        try:
            options["output"].write_bytes(explain(detectors.find(options["detector"]), options["image"]))
        except (DetectorError, OSError) as error:
            raise CommandError(f"{options['image']}: {error}") from error
        self.stdout.write(f"{options['output']} is drawn. It shows where the detector looked, not proof.")
