import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier import services
from classifier.detector.errors import DetectorError


class Command(BaseCommand):
    help = "Classify files or folders without storing them. Example: manage.py classify photo.jpg --format json"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "paths", nargs="+", metavar="PATH", help="files or folders; - reads paths from standard input"
        )
        parser.add_argument("--format", choices=["table", "json"], default="table")
        parser.add_argument("--detector", help="version; default: the active one")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.inference import classify_files

        try:
            detector = services.find_detector(options["detector"])
            results = classify_files(detector, _expand(options["paths"]))
            read = [self.show(result, options["format"]) for result in results]
        except DetectorError as error:
            raise CommandError(str(error)) from error
        if not any(read):
            sys.exit(1)

    def show(self, result: dict[str, Any], form: str) -> bool:
        if form == "json":
            self.stdout.write(json.dumps(result, ensure_ascii=False))
        elif "error" in result:
            self.stdout.write(f"{'error':<13} {'':<6} {result['path']}: {result['error']}")
        else:
            self.stdout.write(f"{result['verdict']:<13} {result['score']:.3f}  {result['path']}")
        self.stdout.flush()
        return "error" not in result


def _expand(paths: list[str]) -> Iterator[str]:
    """Folders become the files below them; a path that is not there is passed on and reported as an error."""
    for path in paths:
        if path == "-":
            yield from (line.rstrip("\r\n") for line in sys.stdin if line.strip())
        elif Path(path).is_dir():
            yield from (str(file) for file in sorted(Path(path).rglob("*")) if file.is_file())
        else:
            yield path
