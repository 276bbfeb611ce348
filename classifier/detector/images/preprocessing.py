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
WHOLE = (224, 224)


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes network input; stored in the bundle.

    view: "crops" cuts native-resolution squares, "whole" squeezes the whole picture into one square, "both" does both;
    "middle" enlarges the middle square of the scaled-down picture, so that nothing is squeezed.
    size: side of the square in pixels. grid: crops per axis when serving (grid² crops an image).
    jpeg_quality: of the common re-encoding; None leaves the pixels alone. joint: the network takes all views of an
    image at once; nothing is stretched then, what is too small for a square is continued by its mirror image, because
    interpolation would leave traces that depend on size and aspect.
    """

    view: Literal["crops", "whole", "both", "middle"] = "crops"
    size: int = 96
    grid: int = 3
    jpeg_quality: int | None = 90
    joint: bool = False

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """(views,): how much each view's logit counts; of "both", the whole view counts as much as all crops."""
        crops = np.full(self.grid**2, 1 / self.grid**2)
        whole, both = np.ones(1), np.concatenate([[0.5], crops / 2])
        return {"crops": crops, "whole": whole, "middle": whole, "both": both}[self.view]

    @property
    def sees_crops(self) -> bool:
        """Whether native-resolution squares are among the views."""
        return self.view in ("crops", "both")

    def as_dict(self) -> dict[str, str | int | bool | None]:
        return asdict(self)


def prepare(image: Image.Image, spec: Preprocessing, whole: Image.Image | None = None) -> Pixels:
    """RGB image → uint8 array (views, size, size, 3), values 0–255: all views of the fixed grid, as served.

    `whole` may be given when the scaled-down picture is at hand already (datasets keep it beside native pixels);
    otherwise it is made here, exactly as those were. Images smaller than a crop are enlarged so that one fits.
    """
    squares = []
    if spec.view == "middle":
        squares.append(_middle(whole or scale_down(image), spec.size))
    elif spec.view != "crops":
        small = whole or scale_down(image)
        squares.append(_mirrored(_at_most(small, spec.size), spec.size) if spec.joint else _square(small, spec.size))
    if spec.sees_crops:
        image = _mirrored(image, spec.size) if spec.joint else _at_least(image, spec.size)
        squares += [_cut(image, corner, spec.size) for corner in _grid(image.size, spec)]
    return reencode(np.stack([np.asarray(square) for square in squares]), spec.jpeg_quality)


def prepare_one(image: Image.Image, spec: Preprocessing, rng: np.random.Generator, whole: bool) -> Pixels:
    """One training view of an RGB image, shape (1, size, size, 3): the whole of it or a crop at a random place."""
    if not whole:
        image = _at_least(image, spec.size)
        image = _cut(image, (_within(image.width, spec.size, rng), _within(image.height, spec.size, rng)), spec.size)
    return reencode(np.array(_square(image, spec.size))[None], spec.jpeg_quality)


def cut_at_random(image: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    """A part of at most size × size px at a random place; a smaller image stays whole."""
    left, top = (_within(side, min(side, size), rng) for side in image.size)
    return image.crop((left, top, left + min(image.width, size), top + min(image.height, size)))


def scale_down(image: Image.Image) -> Image.Image:
    """The whole picture within 224 × 224 (Lanczos), JPEG quality 76: how the training collections keep it.

    A thumbnail that fits already stays as it is: there is nothing to scale, and little to lose.
    """
    if image.width <= WHOLE[0] and image.height <= WHOLE[1]:
        return image
    return resaved(ImageOps.contain(image, WHOLE, Image.Resampling.LANCZOS), "JPEG", quality=76)


def resaved(image: Image.Image, form: str, **options: Any) -> Image.Image:
    """Save as `form` with Pillow's options and read again: RGB → RGB, with what the codec did to it."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    with Image.open(buffer) as reloaded:
        return reloaded.convert("RGB")


def reencode(squares: Pixels, quality: int | None) -> Pixels:
    """JPEG-encode (4:2:0) and decode each square at `quality`, each alone, so that no square touches another."""
    if quality is None:
        return squares
    return np.stack([np.asarray(resaved(Image.fromarray(square), "JPEG", quality=quality)) for square in squares])


def _at_least(image: Image.Image, size: int) -> Image.Image:
    short = min(image.size)
    if short >= size:
        return image
    return ImageOps.scale(image, size / short + 1e-6, Image.Resampling.BICUBIC)


def _at_most(image: Image.Image, size: int) -> Image.Image:
    fits = image.width <= size and image.height <= size
    return image if fits else ImageOps.contain(image, (size, size), Image.Resampling.LANCZOS)


def _mirrored(image: Image.Image, size: int) -> Image.Image:
    """The image continued by its mirror image to the right and below, so that each side has `size` px or more; a
    larger side stays as it is."""
    right, below = max(0, size - image.width), max(0, size - image.height)
    if not right and not below:
        return image
    return Image.fromarray(np.pad(np.asarray(image), ((0, below), (0, right), (0, 0)), mode="symmetric"))


def _square(image: Image.Image, size: int) -> Image.Image:
    return image if image.size == (size, size) else image.resize((size, size), Image.Resampling.BILINEAR)


def _middle(image: Image.Image, size: int) -> Image.Image:
    """The middle square, scaled to `size` px a side (bicubic)."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BICUBIC)


def _cut(image: Image.Image, corner: tuple[int, int], size: int) -> Image.Image:
    left, top = corner
    return image.crop((left, top, left + size, top + size))


def _within(extent: int, size: int, rng: np.random.Generator) -> int:
    return int(rng.integers(extent - size + 1))


def _grid(extent: tuple[int, int], spec: Preprocessing) -> list[tuple[int, int]]:
    width, height = extent[0] - spec.size, extent[1] - spec.size
    steps = np.linspace(0, 1, spec.grid) if spec.grid > 1 else np.array([0.5])
    return [(round(float(x) * width), round(float(y) * height)) for y in steps for x in steps]
