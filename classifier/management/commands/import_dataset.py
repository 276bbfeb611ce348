from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.detector.data import manifest
from classifier.detector.errors import DatasetError
from classifier.management import image_import
from classifier.management.progress import counter


class Command(BaseCommand):
    help = (
        "Read a folder with REAL/ and FAKE/ (any depth, or a CSV) into the dataset manifest; pictures stay where they "
        "are. With --as-images they are copied in as labelled images, to be reviewed and frozen with others. "
        "Example: manage.py import_dataset ~/pictures --test-sources holiday,blog"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--table", type=Path, help="CSV with path, label [, source, subset, kind, whole]; "
                            "default: manifest.csv or metadata.csv in the folder")  # fmt: skip
        image_import.add_arguments(parser)
        parser.add_argument("--output", type=Path, default=settings.MANIFEST)
        parser.add_argument("--test-sources", default="", help="whole sources to measure on, separated by commas")
        parser.add_argument("--validation-sources", default="", help="whole sources for early stopping and calibration")
        parser.add_argument("--kind", default="photo", help="keep rows of this kind only; 'all' keeps everything")
        parser.add_argument("--seed", type=int, default=0, help="of the split by near-duplicate group")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        try:
            if options["as_images"]:
                self.stdout.write(image_import.import_as_images(folder, options, self.stderr))
                return
            rows, complaints = manifest.import_folder(folder, options["table"], counter("Reading"))
            rows = [row for row in rows if options["kind"] in ("all", row.kind)]
            rows = manifest.split(
                rows, _names(options["validation_sources"]), _names(options["test_sources"]), options["seed"]
            )
        except (DatasetError, OSError) as error:
            raise CommandError(str(error)) from error
        manifest.write(rows, options["output"])
        for complaint in complaints:
            self.stderr.write(f"skipped {complaint}")
        self.stdout.write(f"{len(rows)} images in {options['output']} ({len(complaints)} skipped)")
        for line in manifest.count_lines(rows):
            self.stdout.write(f"  {line}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
