"""What uploads are held to, and the words for it."""

import unicodedata

from django.conf import settings

from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import Limits

FORMATS_IN_WORDS = "JPEG, PNG, WebP, GIF (first frame), BMP, TIFF, AVIF, HEIC"
ADVICE = {
    "empty": "Choose the file again; it may not have finished saving.",
    "format": f"Accepted are {FORMATS_IN_WORDS}.",
    "damaged": "Open it in an image viewer, save a new copy and upload that.",
    "too_small": "Use the original picture rather than a thumbnail.",
    "too_many_pixels": "Save it as an ordinary JPEG of full size, or export a smaller copy.",
}


def advised(error: UnreadableImage) -> str:
    """Why a file is refused, and what to do about it."""
    return f"{error}. {ADVICE.get(error.code, '')}".strip()


def limits() -> Limits:
    """What uploads are held to, by the form and by the worker alike."""
    return Limits(settings.MAX_MEGAPIXELS, settings.SMALLEST_SIDE)


def clean_name(name: str, longest: int = 120) -> str:
    """A file name that is safe to show: no path, no control or direction-changing characters, a bounded length."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in name if c == "\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    kept = kept.strip() or "image"
    if len(kept) > longest:
        stem, dot, extension = kept.rpartition(".")
        tail = f"….{extension}" if dot and len(extension) <= 10 else "…"
        kept = (stem or kept)[: longest - len(tail)] + tail
    return kept


def clean_path(name: str, longest: int = 300) -> str:
    """A path inside a folder or zip that is safe to show, cut at its start where it is too long."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    path = "/".join(clean_name(part) for part in parts[-20:]) or "image"
    return path if len(path) <= longest else f"…{path[1 - longest :]}"


def size_in_words(size: int) -> str:
    """Decimal units, as the limits are meant: a file of 20,100,000 bytes is larger than 20 MB."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"
