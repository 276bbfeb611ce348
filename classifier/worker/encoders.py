"""Encoder files: made from other projects' weights. Imports Keras."""

from pathlib import Path

from classifier.detector.errors import EncoderError
from classifier.detector.networks import encoder_file
from classifier.detector.networks.encoder_sources import SOURCES


def make(source: str, path: Path, blocks: int, output: Path) -> str:
    """Convert `path` into an encoder file of so many blocks; returns its SHA-256. Raises EncoderError."""
    if source not in SOURCES:
        raise EncoderError(f"expected a source out of {', '.join(SOURCES)}; received {source!r}")
    if not 1 <= blocks <= 12:
        raise EncoderError(f"expected 1 to 12 blocks, received {blocks}")
    shape, arrays = SOURCES[source](path, blocks)
    return encoder_file.write(output, shape, arrays)
