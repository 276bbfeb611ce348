"""Bytes → RGB pixels: the only place where image files are opened, for upload checks, serving and training alike."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from classifier.detector.errors import UnreadableImage

pillow_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Pillow format names that are read. A JPEG with further pictures behind it (many phones) is reported as MPO."""

Source = str | Path | IO[bytes] | bytes


@dataclass(frozen=True)
class Limits:
    """What is accepted. Pixels are counted as width × height before decoding, so that bombs are never unpacked."""

    megapixels: float = 50
    smallest_side: int = 32


@dataclass(frozen=True)
class Header:
    """What the header of a file says; sizes in pixels, before EXIF orientation."""

    format: str
    width: int
    height: int


def read_header(source: Source, limits: Limits = Limits()) -> Header:
    """Identify a file by its content and check its size in pixels, without decoding it.

    Raises UnreadableImage with code `empty`, `format`, `too_small` or `too_many_pixels`.
    """
    with _open(source, limits) as image:
        return Header(image.format or "", image.width, image.height)


def verify(source: Source, limits: Limits = Limits()) -> Header:
    """As `read_header`, and decode every byte once (JPEG at 1/8 scale: little memory, all of the stream is read).

    Raises UnreadableImage with the codes of `read_header`, or `damaged`.
    """
    with _open(source, limits) as image:
        header = Header(image.format or "", image.width, image.height)
        image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
        _load(image)
    return header


def read_rgb(source: Source, limits: Limits = Limits()) -> Image.Image:
    """Decode the first frame to an upright 8-bit RGB image (mode "RGB", width × height as displayed).

    EXIF orientation is applied first; 16-bit values are scaled, alpha is laid over white. Raises UnreadableImage.
    """
    with _open(source, limits) as image:
        _load(image)
        try:
            return to_rgb(ImageOps.exif_transpose(image))
        except (OSError, ValueError, SyntaxError, TypeError, KeyError) as error:  # broken EXIF, odd modes
            raise UnreadableImage("damaged", f"the picture could not be converted ({error})") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode → "RGB": 16-bit and float data scaled to 0–255, transparency composited over white."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        return Image.fromarray((np.clip(values / top, 0, 1) * 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _open(source: Source, limits: Limits) -> Image.Image:
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            # Pillow only warns up to twice its own limit; our limit is checked below, before any decoding.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(stream, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise UnreadableImage("too_many_pixels", f"it has more than {limits.megapixels:g} megapixels") from error
    except UnidentifiedImageError as error:
        raise _not_an_image(stream) from error
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise UnreadableImage("missing", f"it could not be opened ({error.strerror})") from error
    except Exception as error:  # Pillow's parsers raise OSError, SyntaxError, ValueError, struct.error, IndexError …
        raise UnreadableImage("damaged", "the file is damaged or incomplete") from error
    _check_size(image, limits)
    return image


def _not_an_image(stream: str | Path | IO[bytes]) -> UnreadableImage:
    size = Path(stream).stat().st_size if isinstance(stream, str | Path) else stream.seek(0, io.SEEK_END)
    if size == 0:
        return UnreadableImage("empty", "the file is empty")
    return UnreadableImage("format", "it is not an image in a format we read")


def _check_size(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.megapixels * 1_000_000:
        image.close()
        raise UnreadableImage(
            "too_many_pixels", f"it has {width * height / 1e6:.0f} megapixels; the limit is {limits.megapixels:g}"
        )
    if min(width, height) < limits.smallest_side:
        image.close()
        raise UnreadableImage(
            "too_small", f"it is {width} × {height} pixels; each side must have at least {limits.smallest_side}"
        )


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except MemoryError as error:
        raise UnreadableImage("damaged", "the picture needs more memory than there is") from error
    except Exception as error:  # as above
        raise UnreadableImage("damaged", "the file is damaged or incomplete") from error
