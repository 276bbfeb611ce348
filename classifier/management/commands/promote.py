from typing import Any

from django.core.management.base import CommandError, CommandParser

from classifier.accounts import trail
from classifier.detector.errors import DetectorError
from classifier.learning import gate
from classifier.management.keras_command import KerasCommand
from classifier.management.progress import counter
from classifier.models import Act, Detector
from classifier.registry import detectors


class Command(KerasCommand):
    help = (
        "Make a detector the active one, if it is no worse than the active one on the newest dataset version, or else "
        "on the test images of its own manifest. Example: manage.py promote patch-2026.11.22"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", nargs="?", help="without one, the known versions are listed")
        parser.add_argument(
            "--reason", default="", help="promote it whatever the gate says, because …; kept in the log"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["version"]:
            for detector in Detector.objects.all():
                self.stdout.write(f"{'*' if detector.active else ' '} {detector.version}")
            return
        from classifier.worker.trainer import gate_now

        try:
            detector = detectors.registered(options["version"])
            outcome = gate_now(detector, counter("Measuring"))
            for check in outcome.checks:
                self.stdout.write(
                    f"{'ok     ' if check.ok else 'refused'} {check.name}: {check.before} → {check.after}"
                )
            gate.promote(detector, None, options["reason"], outcome)
        except gate.PromotionRefused as error:
            objections = "\n".join(f"- {objection}" for objection in error.objections)
            raise CommandError(
                f"{detector} is not promoted:\n{objections}\nTo do it all the same: --reason WHY"
            ) from error
        except DetectorError as error:
            raise CommandError(str(error)) from error
        trail.write(None, Act.PROMOTED, "detector", detector.pk, note=detector.version)
        self.stdout.write(f"{detector.version} is active; workers use it from their next batch on.")
