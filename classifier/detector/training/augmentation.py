"""What the web does to pictures, alike to both classes during training (CNNDetection, arXiv 1912.11035; SAFE)."""

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from classifier.detector.images.preprocessing import resaved

Rng = np.random.Generator
SMALLEST_SIDE = 96


def augment(image: Image.Image, rng: Rng) -> Image.Image:
    """RGB → RGB, sizes may change (never below 96 px unless the input was smaller). Each step happens at random."""
    if rng.random() < 0.5:
        image = ImageOps.mirror(image)
    if rng.random() < 0.5:
        image = zoom(image, rng)
    if rng.random() < 0.5:
        image = rescale(image, rng)
    if rng.random() < 0.3:
        image = jitter(image, rng)
    if rng.random() < 0.2:
        image = blur(image, rng)
    if rng.random() < 0.6:
        image = compress(image, rng)
    return image


def recompress(image: Image.Image, rng: Rng) -> Image.Image:
    """The mild part of `augment`, for pictures that are scaled down already: mirror, colours, compression."""
    if rng.random() < 0.5:
        image = ImageOps.mirror(image)
    if rng.random() < 0.3:
        image = jitter(image, rng)
    return compress(image, rng) if rng.random() < 0.6 else image


def zoom(image: Image.Image, rng: Rng) -> Image.Image:
    """Cut out a random part with 70 to 100 % of each side, never under 96 px."""
    width, height = (min(side, max(SMALLEST_SIDE, round(side * rng.uniform(0.7, 1)))) for side in image.size)
    left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def rescale(image: Image.Image, rng: Rng) -> Image.Image:
    """Scale by a factor between 0.4 and 1.1 with a random filter, as thumbnails and screenshots do."""
    factor = max(rng.uniform(0.4, 1.1), min(1.0, SMALLEST_SIDE / min(image.size)))
    filters = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), filters[rng.integers(len(filters))])


def jitter(image: Image.Image, rng: Rng) -> Image.Image:
    """Brightness, contrast and saturation, each changed by at most 30 %."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(rng.uniform(0.7, 1.3))
    return image


def blur(image: Image.Image, rng: Rng) -> Image.Image:
    """Gaussian blur with σ between 0.2 and 1.2 px."""
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.2)))


def compress(image: Image.Image, rng: Rng) -> Image.Image:
    """Save and reload as JPEG (quality 30–100, 4:2:0 or 4:4:4) or, one time in four, WebP (quality 40–95)."""
    if rng.random() < 0.25:
        return resaved(image, "WEBP", quality=int(rng.integers(40, 96)), method=0)
    subsampling = int(rng.choice([0, 2]))
    return resaved(image, "JPEG", quality=int(rng.integers(30, 101)), subsampling=subsampling)


def erase(pixels: np.ndarray, rng: Rng) -> np.ndarray:
    """Grey out one random rectangle of up to a third of each side of a (height, width, 3) uint8 array, in place."""
    height, width, _ = pixels.shape
    tall, wide = int(rng.integers(1, height // 3)), int(rng.integers(1, width // 3))
    top, left = int(rng.integers(height - tall)), int(rng.integers(width - wide))
    pixels[top : top + tall, left : left + wide] = 128
    return pixels
