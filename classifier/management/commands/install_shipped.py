from typing import Any

from django.core.management.base import BaseCommand, CommandError

from classifier.detector.errors import DetectorError
from classifier.registry import detectors


class Command(BaseCommand):
    help = (
        "Register the detector that comes with the code and make it the active one, unless staff promoted another. "
        "`make run` does this itself; elsewhere run it after migrate. "
        "Example: manage.py install_shipped"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            detector = detectors.install_shipped()
        except DetectorError as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(f"{detector.version} is active.")
