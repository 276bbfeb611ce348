import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.accounts import trail
from classifier.labelling import ground_truth
from classifier.management.arguments import staff_named
from classifier.models import Act, GroundTruth, Image


class Command(BaseCommand):
    help = (
        "Say what images are, by SHA-256 or number: one label and any number of images, or a CSV. "
        "Example: manage.py label REAL 8c2f… --reason 'the owner showed the negative' --by staff@example.org"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("label", nargs="?", choices=GroundTruth.values)
        parser.add_argument("images", nargs="*", help="SHA-256 of the file, or number in the administration")
        parser.add_argument("--table", type=Path, help="CSV with columns sha256 and label")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--by", help="email or name of a staff account; default: the first one")

    def handle(self, *args: Any, **options: Any) -> None:
        by = staff_named(options["by"])
        wanted: dict[str, list[str]] = {}
        for name, label in self._pairs(options):
            wanted.setdefault(label, []).append(name)
        for label, names in wanted.items():
            numbers = [int(name) for name in names if name.isdigit() and len(name) < 19]
            images = Image.objects.filter(sha256__in=names) | Image.objects.filter(pk__in=numbers)
            known = images.reviewable().count()
            changed = ground_truth.label_images(images, by, GroundTruth(label), options["reason"][:300])
            seen = images.reviewable().values_list("pk", flat=True)
            trail.write(by, Act.LABELLED, "image", images=seen, note=f"{label}, {trail.command_line()}")
            self.stdout.write(f"{label}: {changed} changed, {known - changed} as before, {len(names)} named")
            contested = images.filter(contested=True).count()
            if contested:
                self.stdout.write(f"  {contested} contested: a colleague said otherwise")

    def _pairs(self, options: Mapping[str, Any]) -> list[tuple[str, str]]:
        if not options["table"]:
            if not options["label"] or not options["images"]:
                raise CommandError("expected a label and images, or --table with columns sha256 and label")
            return [(name, options["label"]) for name in options["images"]]
        try:
            with options["table"].open(newline="", encoding="utf-8-sig") as file:
                pairs = [(line["sha256"], line["label"].upper()) for line in csv.DictReader(file)]
        except (OSError, KeyError, AttributeError) as error:
            raise CommandError(f"{options['table']}: expected a CSV with columns sha256 and label ({error})") from error
        if bad := next((label for _, label in pairs if label not in GroundTruth.values), None):
            raise CommandError(f"{options['table']}: expected {', '.join(GroundTruth.values)}; received {bad!r}")
        return pairs
