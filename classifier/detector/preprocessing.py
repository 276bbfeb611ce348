"""RGB image → network input: the one path for training and serving.

Both classes, in training and in serving, end in the same JPEG re-encoding, so that file format and quality of the
original tell the network less ("Fake or JPEG?", arXiv 2403.17608).
"""

import io
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes network input; stored in the bundle.

    view: "crops" cuts native-resolution squares, "whole" squeezes the whole picture into one square.
    size: side of the square in pixels. grid: crops per axis when serving (grid² crops an image).
    jpeg_quality: of the common re-encoding; None leaves the pixels alone.
    """

    view: Literal["crops", "whole"] = "crops"
    size: int = 96
    grid: int = 3
    jpeg_quality: int | None = 90

    @property
    def views(self) -> int:
        """How many network inputs one image gives when serving."""
        return self.grid**2 if self.view == "crops" else 1

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def prepare(image: Image.Image, spec: Preprocessing, rng: np.random.Generator | None = None) -> Pixels:
    """RGB image → uint8 array (views, size, size, 3), values 0–255.

    Without `rng`: all views of the fixed grid (serving, evaluation). With `rng`: one crop at a random place (training).
    Images smaller than the crop are enlarged so that their short side fits.
    """
    if spec.view == "whole":
        squares = [image.resize((spec.size, spec.size), Image.Resampling.BILINEAR)]
    else:
        image = _at_least(image, spec.size)
        squares = [
            image.crop((left, top, left + spec.size, top + spec.size))
            for left, top in _corners(image.size, spec, rng)
        ]
    return reencode(np.stack([np.asarray(square) for square in squares]), spec.jpeg_quality)


def reencode(squares: Pixels, quality: int | None) -> Pixels:
    """JPEG-encode and decode each square at `quality` (4:2:0): one tall strip, so one pass of the codec for all."""
    if quality is None:
        return squares
    count, height, width, _ = squares.shape
    buffer = io.BytesIO()
    Image.fromarray(squares.reshape(count * height, width, 3)).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as decoded:
        return np.array(decoded).reshape(squares.shape)


def _at_least(image: Image.Image, size: int) -> Image.Image:
    short = min(image.size)
    if short >= size:
        return image
    return ImageOps.scale(image, size / short + 1e-6, Image.Resampling.BICUBIC)


def _corners(
    extent: tuple[int, int], spec: Preprocessing, rng: np.random.Generator | None
) -> list[tuple[int, int]]:
    room = (extent[0] - spec.size, extent[1] - spec.size)
    if rng is not None:
        return [(int(rng.integers(room[0] + 1)), int(rng.integers(room[1] + 1)))]
    steps = np.linspace(0, 1, spec.grid) if spec.grid > 1 else np.array([0.5])
    return [(round(float(x) * room[0]), round(float(y) * room[1])) for y in steps for x in steps]
