import sys
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.detector.errors import DetectorError
from classifier.management.progress import counter

CHOICES = ("epochs", "minutes", "seed", "learning_rate", "label_smoothing", "weight_decay", "patience", "start")


class Command(BaseCommand):
    help = (
        "Train a candidate detector on the dataset manifest. Example: manage.py train --architecture patch --minutes 30"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--manifest", type=Path, default=settings.MANIFEST)
        parser.add_argument(
            "--architecture",
            default="patch",
            help="fusion, mobilenet, patch, cnn32 (the original), mobilenetv2, efficientnetv2, resnet50, convnext",
        )
        parser.add_argument("--name", help="version name; the name of a killed run continues it")
        parser.add_argument("--epochs", type=int, default=40)
        parser.add_argument("--minutes", type=float, default=60, help="time budget")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--learning-rate", type=float, default=1e-3)
        parser.add_argument("--label-smoothing", type=float, default=0.05)
        parser.add_argument("--weight-decay", type=float, default=1e-4)
        parser.add_argument("--patience", type=int, default=10, help="epochs without improvement before stopping")
        parser.add_argument(
            "--start", default="", help="weights to begin from: imagenet, a .keras model or MobileNetV2's .tflite"
        )
        parser.add_argument("--baseline", action="store_true", help="train cnn32 on the same images, to compare with")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.detector.training import Config
        from classifier.retraining import train_candidate

        architecture = options["architecture"]
        name = options["name"] or f"{architecture}-{date.today():%Y.%m.%d}"
        chosen = {key: options[key] for key in CHOICES}
        config = Config(architecture, name, **chosen)
        try:
            step = counter("Training") if sys.stderr.isatty() else None  # elsewhere the lines of `show` are enough
            detector = train_candidate(config, options["manifest"], options["baseline"], self.show, step)
        except DetectorError as error:
            raise CommandError(str(error)) from error
        overall = detector.card["report"]["overall"]
        figures = ", ".join(f"{key} {overall[key]}" for key in ("accuracy", "precision", "recall", "auroc"))
        self.stdout.write(f"{detector.version} is trained: {figures}. It isn't active yet: manage.py promote {name}")

    def show(self, epoch: dict[str, Any]) -> None:
        left = epoch["seconds"] / epoch["epoch"] * (epoch["epochs"] - epoch["epoch"])
        self.stdout.write(
            f"epoch {epoch['epoch']} of {epoch['epochs']}: loss {epoch['loss']:.3f}, accuracy {epoch['accuracy']:.3f}, "
            f"validation loss {epoch['val_loss']:.3f}, AUROC {epoch['val_auroc']:.3f}, about {left / 60:.0f} min left"
        )
