import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.detector import manifest
from classifier.detector.errors import DetectorError


class Command(BaseCommand):
    help = (
        "The honest headline: hold out each source that has both classes, train on the others, score within it. "
        "Example: manage.py crossvalidate --architecture cnn32 --output media/headline"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--manifest", type=Path, default=settings.MANIFEST)
        parser.add_argument("--architecture", default="patch")
        parser.add_argument("--output", type=Path, required=True, help="a folder; a killed run goes on in it")
        parser.add_argument("--epochs", type=int, default=20)
        parser.add_argument("--minutes", type=float, default=15, help="time budget of each fold")
        parser.add_argument("--learning-rate", type=float, default=1e-3)
        parser.add_argument("--no-augmentation", action="store_true")
        parser.add_argument("--start", default="", help="weights to begin from")
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.detector.crossvalidation import crossvalidate
        from classifier.detector.training import Config

        names = ("architecture", "epochs", "minutes", "learning_rate", "start", "seed")
        config = Config(**{name: options[name] for name in names}, augment=not options["no_augmentation"])
        try:
            rows = manifest.read(options["manifest"])
            result = crossvalidate(config, rows, options["output"], self.show)
        except DetectorError as error:
            raise CommandError(str(error)) from error
        (options["output"] / "headline.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
        mean = result["mean"]
        self.stdout.write(f"{'mean':<24} {mean['auroc']:.3f}  {mean['balanced_accuracy']:.3f}")

    def show(self, fold: dict[str, Any]) -> None:
        figures = f"AUROC {fold['auroc']:.3f}  balanced accuracy {fold['balanced_accuracy']:.3f}  n {fold['n']}"
        self.stdout.write(f"{fold['source']:<24} {figures}")
