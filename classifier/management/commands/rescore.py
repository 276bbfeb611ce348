from typing import Any

from django.core.management.base import CommandError, CommandParser

from classifier.detector.errors import DetectorError
from classifier.management.keras_command import KerasCommand
from classifier.management.progress import counter
from classifier.models import Rescoring
from classifier.registry import detectors


class Command(KerasCommand):
    help = (
        "Have all of history re-scored by the active detector. Workers do it when no upload waits; with --now this "
        "command does it, too. Example: manage.py rescore --now"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", action="store_true", help="work on it here until it is done")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            detector = detectors.active()
        except DetectorError as error:
            raise CommandError(str(error)) from error
        job = Rescoring.objects.open().filter(detector=detector).first() or detectors.rescore(detector)
        if job is None:
            self.stdout.write(f"Every verdict is {detector}'s already.")
            return
        if not options["now"]:
            self.stdout.write(f"{job.total} images will be re-scored by {detector} when nothing else waits.")
            return
        from classifier.worker.loop import rescore_now

        count = counter("Re-scoring")
        for done in rescore_now(job):
            count(max(1, done.done), max(1, done.total))
        job.refresh_from_db()
        self.stdout.write(f"{job.done} re-scored by {detector}: {job.changed} changed, {job.failed} can't be read")
