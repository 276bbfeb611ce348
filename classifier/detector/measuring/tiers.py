"""Degradation tiers: what pictures go through on the web, applied alike to both classes when a detector is measured.

They act on native pixels. Datasets keep a native part of each picture beside the whole scaled to 224 px; that
whole is left as it is, because at 224 px hardly anything of a compression or a rescaling of the original is left.
"""

from collections.abc import Callable

from PIL import Image, ImageFilter

from classifier.detector.images.preprocessing import resaved

Tier = Callable[[Image.Image, int], Image.Image]


def _scaled(image: Image.Image, factor: float, resample: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image if factor >= 1 else image.resize((width, height), resample)


def _jpeg(quality: int) -> Tier:
    return lambda image, longest: resaved(image, "JPEG", quality=quality)


def _shared(limit: int, quality: int) -> Tier:
    """The whole picture's longest side brought down to `limit` px, then JPEG: this part of it shrinks as much."""
    return lambda image, longest: resaved(_scaled(image, limit / max(longest, *image.size)), "JPEG", quality=quality)


TIERS: dict[str, Tier] = {
    "clean": lambda image, longest: image,
    "jpeg 90": _jpeg(90),
    "jpeg 75": _jpeg(75),
    "jpeg 50": _jpeg(50),
    "webp 80": lambda image, longest: resaved(image, "WEBP", quality=80),
    "web": _shared(768, 60),
    "hard": _shared(512, 40),
    "blur": lambda image, longest: image.filter(ImageFilter.GaussianBlur(1)),
    "screenshot": lambda image, longest: _scaled(image, 0.75, Image.Resampling.BILINEAR),
}
"""Name → (native RGB part, longest side of the original in px) → RGB. web: ≤ 768 px, q60; hard: ≤ 512 px, q40."""
