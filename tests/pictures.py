"""Pictures and files that the tests make themselves; nothing is downloaded or committed."""

import io

import numpy as np
from PIL import Image


def photo(width=96, height=80, seed=0):
    """An RGB picture with gradients and noise, different for each seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / rng.uniform(4, 20) + rng.uniform(0, 6)) + np.cos(y / rng.uniform(4, 20)) for _ in range(3)]
    pixels = 128 + 45 * np.stack(waves, axis=-1) + rng.normal(0, 6, (height, width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def encoded(image=None, format="JPEG", **options):
    buffer = io.BytesIO()
    (image or photo()).save(buffer, format, **options)
    return buffer.getvalue()


def jpeg(seed=0, width=96, height=80, **options):
    return encoded(photo(width, height, seed), "JPEG", **options)
