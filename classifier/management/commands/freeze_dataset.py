from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.accounts import trail
from classifier.detector.errors import DatasetError
from classifier.learning import versions
from classifier.models import Act, ImportBatch


class Command(BaseCommand):
    help = (
        "Freeze the labelled images with consent as a new dataset version. "
        "Example: manage.py freeze_dataset --note 'after the first hundred disputes'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--note", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        if unfinished := ImportBatch.objects.open().first():
            self.stderr.write(f"warning: {unfinished} is not done; what it has not brought yet is missing")
        try:
            version = versions.freeze(None, options["note"])
        except DatasetError as error:
            raise CommandError(str(error)) from error
        trail.write(None, Act.ADDED, "datasetversion", version.pk, note=str(version))
        self.stdout.write(f"{version}: {version.summary['images']} images, digest {version.digest[:16]}")
        for name, counts in version.summary["splits"].items():
            self.stdout.write(f"  {name}: {counts.get('REAL', 0)} REAL, {counts.get('FAKE', 0)} FAKE")
        for warning in version.summary["warnings"]:
            self.stdout.write(f"  warning: {warning}")
        self.stdout.write(f"Train on it: manage.py train --dataset {version.number}")
