from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.detector.data import manifest
from classifier.detector.errors import DatasetError
from classifier.detector.measuring import label_errors, shortcuts


class Command(BaseCommand):
    help = (
        "Say what gives the label away without looking at the picture (format, size, quality …), and fail when "
        "near-duplicates cross splits. Example: manage.py audit_dataset --manifest dataset/manifest.csv"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--manifest", type=Path, default=settings.MANIFEST)
        parser.add_argument("--held-out", type=Path, help="the --output of crossvalidate, to look for wrong labels")
        parser.add_argument(
            "--sheet", type=Path, default=Path("doubtful-labels.jpg"), help="contact sheet of such images"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rows = manifest.read(options["manifest"])
            found = (
                label_errors.least_likely(rows, label_errors.held_out_logits(options["held_out"]))
                if options["held_out"]
                else []
            )
        except DatasetError as error:
            raise CommandError(str(error)) from error
        for line in manifest.count_lines(rows):
            self.stdout.write(line)
        self.stdout.write(f"\nKnowing the source alone: {shortcuts.source_alone(rows):.0%} right")
        self.stdout.write(f"\n{'feature':<16} {'source':<24} {'AUC':>5} {'n':>6}")
        for finding in shortcuts.findings(rows):
            mark = "  SHORTCUT" if finding.auc >= shortcuts.SHORTCUT else ""
            place = finding.source or "(all)"
            self.stdout.write(f"{finding.feature:<16} {place:<24} {finding.auc:>5.2f} {finding.n:>6}{mark}")
        if found:
            label_errors.contact_sheet(found).save(options["sheet"], quality=88)
            self.stdout.write(f"\n{len(found)} labels that held-out scores contradict most: {options['sheet']}")
        if mixed := manifest.contradictions(rows):
            self.stdout.write(f"\n{len(mixed)} near-duplicate groups hold both classes, the first: {mixed[0]}")
        if crossing := manifest.leaks(rows):
            raise CommandError(f"{len(crossing)} near-duplicate groups cross splits, the first: {crossing[0]}")
        self.stdout.write("\nNo near-duplicate group crosses splits.")
