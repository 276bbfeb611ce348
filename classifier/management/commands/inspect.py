import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from classifier.management.arguments import expand
from classifier.provenance.inspection import inspect
from classifier.provenance.rules import decide


class Command(BaseCommand):
    help = (
        "Print what files prove, declare and hint about where they come from; no network looks at them. "
        "Example: manage.py inspect photo.jpg --format json"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "paths", nargs="+", metavar="PATH", help="files or folders; - reads paths from standard input"
        )
        parser.add_argument("--format", choices=["table", "json"], default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        read = [self.show(path, options["format"]) for path in expand(options["paths"])]
        if not any(read):
            sys.exit(1)

    def show(self, path: str, form: str) -> bool:
        try:
            evidence = inspect(Path(path).read_bytes(), settings.TRUST_LIST)
        except OSError as error:
            reason = error.strerror or str(error)
            self.stdout.write(json.dumps({"path": path, "error": reason}) if form == "json" else f"{path}: {reason}")
            return False
        if form == "json":
            found = {"path": path, "evidence": [piece.as_dict() for piece in evidence], "decides": decide(evidence)}
            self.stdout.write(json.dumps(found, ensure_ascii=False))
            return True
        self.stdout.write(f"{path}: {decide(evidence) or 'decides nothing'}")
        for piece in evidence:
            self.stdout.write(f"  {piece.strength:<9} {piece.kind:<9} {piece.direction:<7} {piece.summary}")
        return True
