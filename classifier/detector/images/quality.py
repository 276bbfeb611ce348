"""What a file is and how strongly it was compressed, without looking at the picture."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

_LUMINANCE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)


@dataclass(frozen=True)
class FileFacts:
    """Of an original file. quality: the estimated JPEG quality 1–100, 0 where there is none; sizes 0 where unknown."""

    format: str
    width: int = 0
    height: int = 0
    quality: int = 0


def describe(content: bytes) -> FileFacts:
    with Image.open(io.BytesIO(content)) as image:
        tables = getattr(image, "quantization", None)
        quality = jpeg_quality(tables[0]) if tables else 0
        return FileFacts(image.format or "", image.width, image.height, quality)


def jpeg_quality(table: Sequence[int]) -> int:
    """The IJG quality, 1–100, whose luminance table (64 values, sum compared: order doesn't matter) is nearest."""
    return _quality_of_sum(sum(table))


@lru_cache(maxsize=1024)
def _quality_of_sum(total: int) -> int:
    base = np.array(_LUMINANCE.split(), dtype=np.float64)
    sums = []
    for quality in range(1, 101):
        scale = 5000 / quality if quality < 50 else 200 - 2 * quality
        sums.append(np.clip(np.floor((base * scale + 50) / 100), 1, 255).sum())
    return int(np.argmin(np.abs(np.array(sums) - total))) + 1
