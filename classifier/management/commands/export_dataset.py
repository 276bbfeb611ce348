from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.accounts import trail
from classifier.detector.errors import DatasetError
from classifier.learning import versions
from classifier.management.arguments import version_numbered
from classifier.models import Act


class Command(BaseCommand):
    help = (
        "Copy a dataset version into folders that Keras and Hugging Face read. "
        "Example: manage.py export_dataset 3 ~/dataset-3"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int)
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        version = version_numbered(options["number"])
        try:
            count, gone = versions.export(version, options["folder"])
        except DatasetError as error:
            raise CommandError(str(error)) from error
        trail.write(None, Act.EXPORTED, "datasetversion", version.pk, count=count)
        self.stdout.write(f"{count} images in {options['folder']}")
        if gone:
            self.stdout.write(f"{len(gone)} were deleted since by their owners and are missing")
