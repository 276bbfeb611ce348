from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from classifier.detector.data import manifest
from classifier.detector.errors import DetectorError
from classifier.management.keras_command import KerasCommand
from classifier.management.progress import counter


class Command(KerasCommand):
    help = (
        "The honest figures: every source scored by a network that saw nothing of it, the splits of the manifest "
        "ignored. With --name a detector trained on everything is registered, calibrated on those held-out scores. "
        "Example: manage.py crossvalidate --architecture cnn32 --output media/held-out-cnn32"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--manifest", type=Path, default=settings.MANIFEST)
        parser.add_argument("--architecture", default="vit")
        parser.add_argument("--output", type=Path, required=True, help="a folder; a killed run goes on in it")
        parser.add_argument("--name", help="register a detector under this version (vit, fusion)")
        parser.add_argument("--baseline", type=Path, help="the --output of another architecture, to show beside this")
        parser.add_argument("--tiers", action="store_true", help="also on degraded copies (vit, fusion)")
        parser.add_argument("--within", metavar="SOURCE", help="instead: five-fold inside one source")
        parser.add_argument("--epochs", type=int, default=20)
        parser.add_argument("--minutes", type=float, default=15, help="time budget of each fold")
        parser.add_argument("--learning-rate", type=float, default=1e-3)
        parser.add_argument("--no-augmentation", action="store_true")
        parser.add_argument("--start", default="", help="weights to begin from")
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.detector.training.batches import Config
        from classifier.worker.crossvalidation import cross_validate, cross_validate_within

        names = ("architecture", "epochs", "minutes", "learning_rate", "start", "seed")
        config = Config(**{name: options[name] for name in names}, augment=not options["no_augmentation"])
        chosen = {key: options[key] for key in ("name", "baseline", "tiers")}
        try:
            rows = manifest.read(options["manifest"])
            folder, look = options["output"], counter("Looking")
            if options["within"]:
                text = cross_validate_within(config, rows, folder, options["within"], look)
            else:
                text = cross_validate(config, rows, folder, **chosen, on_image=look)
        except DetectorError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(text)
