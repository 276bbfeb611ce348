from typing import Any

from django.core.management.base import CommandError, CommandParser

from classifier.detector.errors import DetectorError
from classifier.learning import gate, versions
from classifier.management.arguments import version_numbered
from classifier.management.keras_command import KerasCommand
from classifier.management.progress import counter
from classifier.registry import detectors


class Command(KerasCommand):
    help = (
        "Compare two detectors on the test images of a dataset version, measuring what is not measured yet. "
        "Example: manage.py compare fusion-2026.11b mine --dataset 3"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("first")
        parser.add_argument("second")
        parser.add_argument("--dataset", type=int, help="number of a version; default: the newest")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.worker.trainer import measured_now

        version = version_numbered(options["dataset"])
        try:
            pair = [detectors.registered(options[name]) for name in ("first", "second")]
            first, second = (measured_now(one, version, counter(f"Measuring {one}")) for one in pair)
            labels = {row.sha256: row.label for row in versions.rows_of(version)}
        except DetectorError as error:
            raise CommandError(str(error)) from error
        comparison = gate.compare(first, second, labels)
        self.stdout.write(f"{first.report['n']} test images of {version}\n{'':<20} {pair[0]!s:>24} {pair[1]!s:>24}")
        for title, one, other, _ in comparison.figures:
            cells = ("–" if value is None else f"{value:.3f}" for value in (one, other))
            self.stdout.write(f"{title:<20} {' '.join(f'{cell:>24}' for cell in cells)}")
        self.stdout.write(f"{len(comparison.changed)} changed verdicts, those that got worse first")
        for row in comparison.changed:
            mark = "+" if row.better else "-"
            self.stdout.write(f" {mark} {row.sha256[:16]} {row.label}: {row.before} → {row.after}")
