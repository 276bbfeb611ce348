"""Camera EXIF: what took the picture, how, and which programs saved it since. Anybody can write it, so it declares.

Source: CIPA DC-008 (Exif 3.0).
"""

import io
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from classifier.provenance.evidence import Evidence, clean, only_filled

DEVICE = {
    "lens": ExifTags.Base.LensModel,
    "taken": ExifTags.Base.DateTimeOriginal,
    "sensitivity": ExifTags.Base.ISOSpeedRatings,
}
THUMBNAIL_LIMIT = 200_000


@dataclass
class Exif:
    """The tags that matter: texts by name, the camera's settings, whether a place is recorded, the thumbnail inside."""

    texts: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    gps: bool = False
    thumbnail: bytes = b""

    @property
    def camera(self) -> str:
        make, model = (self.texts.get(name, "") for name in ("make", "model"))
        named = model if make and model.lower().startswith(make.lower()[:5]) else f"{make} {model}"
        return clean(named, 120)


TEXTS = {
    "make": ExifTags.Base.Make,
    "model": ExifTags.Base.Model,
    "software": ExifTags.Base.Software,
    "artist": ExifTags.Base.Artist,
    "description": ExifTags.Base.ImageDescription,
}


def read_exif(block: bytes) -> Exif:
    """A TIFF-structured EXIF block → Exif. Directories are read one level deep, so loops and nesting end here. What
    Pillow raises on broken blocks passes through; callers turn any exception into a sentence."""
    found = Exif()
    if not block:
        return found
    tags = Image.Exif()
    tags.load(block)
    found.texts = only_filled((name, _text(tags.get(tag))) for name, tag in TEXTS.items())
    inner = tags.get_ifd(ExifTags.IFD.Exif)
    comment = _comment(inner.get(ExifTags.Base.UserComment))
    if comment:
        found.texts["comment"] = comment
    found.settings = only_filled((name, _text(inner.get(tag))) for name, tag in DEVICE.items())
    found.settings |= _exposure(inner)
    found.gps = bool(tags.get(ExifTags.IFD.GPSInfo)) and bool(tags.get_ifd(ExifTags.IFD.GPSInfo))
    second = tags.get_ifd(ExifTags.IFD.IFD1)
    offset, length = (second.get(tag, 0) for tag in (ExifTags.Base.JpegIFOffset, ExifTags.Base.JpegIFByteCount))
    if isinstance(offset, int) and isinstance(length, int) and 0 < length <= THUMBNAIL_LIMIT and offset > 0:
        found.thumbnail = block[offset : offset + length]
    return found


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return _whole(str(value).split("\x00")[0]) if isinstance(value, str | int) else ""


def _comment(value: Any) -> str:
    """UserComment: eight bytes name its encoding; many programs write UTF-8 behind "ASCII" or nothing."""
    if not isinstance(value, bytes):
        return clean(value) if isinstance(value, str) else ""
    value = value[:400_000]
    code, text = value[:8], value[8:]
    if code.startswith(b"UNICODE"):
        return _whole(text.decode("utf-16-be" if text[:1] == b"\x00" else "utf-16-le", "replace"))
    if code.rstrip(b"\x00 ") in (b"ASCII", b"JIS", b""):
        return _whole(text.decode("utf-8", "replace"))
    return _whole(value.decode("utf-8", "replace"))


def _whole(text: str) -> str:
    return clean(text, 100_000)


def _exposure(inner: dict[int, Any]) -> dict[str, str]:
    def number(tag: int) -> Fraction | None:
        try:
            return Fraction(inner[tag]).limit_denominator(100_000)
        except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
            return None

    time, aperture, focal = (
        number(tag) for tag in (ExifTags.Base.ExposureTime, ExifTags.Base.FNumber, ExifTags.Base.FocalLength)
    )
    words = {}
    if time:
        words["exposure"] = f"1/{round(1 / time)} s" if 0 < time < 1 else f"{float(time):g} s"
    if aperture:
        words["aperture"] = f"f/{float(aperture):g}"
    if focal:
        words["focal length"] = f"{float(focal):g} mm"
    return words


def evidence_of(exif: Exif, software: list[str]) -> list[Evidence]:
    """Camera and programs. software: what XMP and IPTC name besides EXIF, oldest first."""
    pieces = []
    if exif.camera and (exif.settings or exif.texts.get("make")):
        details = {"camera": exif.camera, **exif.settings} | ({"gps": True} if exif.gps else {})
        summary = f"The metadata names a camera: {clean(exif.camera, 80)}."
        pieces.append(Evidence("camera", "declares", "camera", summary, details))
    elif exif.gps:
        pieces.append(
            Evidence("camera", "hints", "camera", "There is camera data without a camera's name.", {"gps": True})
        )
    chain = list(dict.fromkeys([*software, *filter(None, [exif.texts.get("software", "")])]))
    if named := [name for name in chain if _edits(name)]:
        summary = f"Saved by {clean(named[-1], 80)}, a program that edits pictures."
        pieces.append(
            Evidence("software", "hints", "edited", summary, {"software": [clean(name, 200) for name in chain]})
        )
    return pieces


EDITORS = (
    "photoshop", "lightroom", "gimp", "affinity", "pixelmator", "paint", "snapseed", "picasa", "capture one",
    "darktable", "luminar", "canva", "photoscape", "acdsee", "corel", "imagemagick", "krita", "rawtherapee", "dxo",
    "topaz", "vsco", "facetune", "meitu", "remini", "photos ", "illustrator", "inkscape", "figma", "skylum",
    "nx studio", "capture nx",
)  # fmt: skip


def _edits(name: str) -> bool:
    return any(editor in f"{name.lower()} " for editor in EDITORS)


def thumbnail_differs(exif: Exif, picture: Image.Image) -> float | None:
    """How well the embedded thumbnail matches the picture: correlation of their brightness in [−1, 1], None when there
    is no readable thumbnail. picture: grey, as stored, any size. Black bars of thumbnails are cut off."""
    if not exif.thumbnail:
        return None
    try:
        with Image.open(io.BytesIO(exif.thumbnail), formats=("JPEG",)) as embedded:
            if embedded.width * embedded.height > 1_000_000:
                return None
            small = np.asarray(embedded.convert("L"), np.float64)
    except Exception:  # Pillow's parsers raise anything; a broken thumbnail says nothing
        return None
    full = np.asarray(picture.resize((64, 64), Image.Resampling.BOX), np.float64)
    ratio = picture.width / picture.height
    height, width = small.shape
    wide = min(width, round(height * ratio)), min(height, round(width / ratio))
    left, top = (width - wide[0]) // 2, (height - wide[1]) // 2
    cut = small[top : top + max(1, wide[1]), left : left + max(1, wide[0])].astype(np.uint8)
    shrunk = np.asarray(Image.fromarray(cut).resize((64, 64), Image.Resampling.BOX), np.float64)
    if full.std() < 4 or shrunk.std() < 4:
        return None
    return float(np.corrcoef(full.ravel(), shrunk.ravel())[0, 1])
