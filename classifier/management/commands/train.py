from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from classifier.detector.errors import DetectorError
from classifier.management.arguments import manifest_named
from classifier.management.keras_command import KerasCommand
from classifier.management.progress import counter, epoch_line

NETWORKS = "fusion, thumbnail, mobilenet, patch, cnn32 (the original), mobilenetv2, efficientnetv2, resnet50, convnext"
OPTIONS: dict[str, tuple[type, Any, str]] = {
    "epochs": (int, 40, "at most"),
    "minutes": (float, 60.0, "time budget; the learning rate falls within it"),
    "seed": (int, 0, "of split, order and augmentation"),
    "batch": (int, 32, "images a step; 128 suits thumbnails"),
    "learning_rate": (float, 1e-3, "at its highest"),
    "label_smoothing": (float, 0.05, "against wrong labels"),
    "weight_decay": (float, 1e-4, "against learning by heart"),
    "patience": (int, 10, "epochs without improvement before stopping"),
    "start": (str, "", "weights to begin from: imagenet, a .keras or a .tflite file"),
}


class Command(KerasCommand):
    help = "Train a candidate on a folder, manifest or dataset version. Example: manage.py train ~/pictures --name mine"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", nargs="?", type=Path, help="REAL/ and FAKE/ of any sizes; default: the manifest")
        parser.add_argument("--manifest", type=Path, default=settings.MANIFEST)
        parser.add_argument("--dataset", type=int, help="number of a frozen dataset version, instead of a manifest")
        parser.add_argument("--architecture", default="", help=f"{NETWORKS}; default: what suits the pictures' size")
        parser.add_argument("--name", help="version name; the name of a killed run continues it")
        parser.add_argument("--baseline", action="store_true", help="train cnn32 on the same images, to compare with")
        for name, (kind, default, words) in OPTIONS.items():
            parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default, help=words)

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.detector.training.batches import Config
        from classifier.worker import candidates

        name = options["name"] or f"{options['architecture'] or 'trained'}-{date.today():%Y.%m.%d}"
        chosen, path = {key: options[key] for key in OPTIONS}, options["manifest"]
        try:
            if options["folder"] and not options["dataset"]:
                path, skipped = candidates.manifest_of(options["folder"], name, chosen["seed"], counter("Reading"))
                for complaint in skipped:
                    self.stderr.write(f"skipped {complaint}")
            listeners = lambda epoch: self.stdout.write(epoch_line(epoch)), counter("Training", every=60)
            with manifest_named(options["dataset"], path) as path:
                config = candidates.configured(path, Config(options["architecture"], name, **chosen))
                detector = candidates.train_candidate(config, path, options["baseline"], *listeners)
        except DetectorError as error:
            raise CommandError(str(error)) from error
        overall = detector.card["report"]["overall"]
        figures = ", ".join(f"{key} {overall[key]}" for key in ("accuracy", "precision", "recall", "auroc"))
        self.stdout.write(f"{name} is trained: {figures}. It isn't active yet: manage.py promote {name}")
