import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from classifier.detector.data import manifest
from classifier.detector.errors import DetectorError
from classifier.management.arguments import manifest_named
from classifier.management.keras_command import KerasCommand
from classifier.management.progress import counter
from classifier.registry import detectors


class Command(KerasCommand):
    help = "Measure a detector on one split of a manifest. Example: manage.py evaluate --detector cnn32-2026.11.22"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--detector", help="version; default: the active one")
        parser.add_argument("--manifest", type=Path, default=settings.MANIFEST)
        parser.add_argument("--dataset", type=int, help="number of a frozen dataset version, instead of a manifest")
        parser.add_argument("--split", default="test", choices=[*manifest.SPLITS, "all"])
        parser.add_argument("--tiers", action="store_true", help="also on compressed, scaled and blurred copies")
        parser.add_argument("--output", type=Path, help="folder for report.md, report.json and the SVG plots")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.detector.measuring.evaluation import markdown
        from classifier.worker.candidates import write_report
        from classifier.worker.measuring import measure

        try:
            detector = detectors.find(options["detector"])
            with manifest_named(options["dataset"], options["manifest"]) as path:
                rows = [row for row in manifest.read(path) if options["split"] in ("all", row.split)]
                degraded = rows if options["tiers"] else []
                report = measure(detector, rows, degraded=degraded, on_image=counter("Measuring")).report
        except DetectorError as error:
            raise CommandError(str(error)) from error
        known = set(detector.card["training"]["sources"]["train"])
        if seen := sorted({row.source for row in rows} & known):
            self.stderr.write(f"These sources were trained on, so their figures flatter: {', '.join(seen)}")
        title = f"{detector.version} on {options['split']} of {options['manifest']}"
        self.stdout.write(markdown(report, title))
        if folder := options["output"]:
            write_report(report | {"history": detector.card["report"].get("history", [])}, title, folder)
            (folder / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
