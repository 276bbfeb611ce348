import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from classifier.detector.errors import DetectorError
from classifier.management.arguments import expand
from classifier.management.keras_command import KerasCommand
from classifier.registry import detectors
from classifier.results.file_report import FileRow, Result, Unread


class Command(KerasCommand):
    help = "Classify files or folders without storing them. Example: manage.py classify photo.jpg --format json"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "paths", nargs="+", metavar="PATH", help="files or folders; - reads paths from standard input"
        )
        parser.add_argument("--format", choices=["table", "json"], default="table")
        parser.add_argument("--detector", help="version; default: the active one")
        parser.add_argument("--quick", action="store_true", help="the quick shipped detector instead")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.worker.files import classify_files

        try:
            detector = detectors.find(
                detectors.shipped_folder("quick").name if options["quick"] else options["detector"]
            )
            results = classify_files(detector, expand(options["paths"]))
            read = [self.show(result, options["format"]) for result in results]
        except DetectorError as error:
            raise CommandError(str(error)) from error
        if not any(read):
            sys.exit(1)

    def show(self, result: Result | Unread, form: str) -> bool:
        if form == "json":
            self.stdout.write(json.dumps(result, ensure_ascii=False))
        else:
            self.stdout.write(FileRow.of(result).as_line())
        self.stdout.flush()
        return "error" not in result
