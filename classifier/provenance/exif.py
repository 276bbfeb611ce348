"""Camera EXIF: what took the picture, how, and which programs saved it since. Anybody can write it, so it declares.

Source: CIPA DC-008 (Exif 3.0).
"""

import io
from dataclasses import dataclass, field

import numpy as np
from PIL import ExifTags, Image

from classifier.provenance import decoded_text
from classifier.provenance.evidence import Evidence, clean, only_filled
from classifier.provenance.tiff import Directory, Tiff

DEVICE = {"lens": ExifTags.Base.LensModel, "taken": ExifTags.Base.DateTimeOriginal}
EXPOSURE = ("exposure", "aperture", "sensitivity", "focal length", "lens", "taken")
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
        return camera_name(self.texts.get("make", ""), self.texts.get("model", ""))


TEXTS = {
    "make": ExifTags.Base.Make,
    "model": ExifTags.Base.Model,
    "software": ExifTags.Base.Software,
    "processing": ExifTags.Base.ProcessingSoftware,
    "artist": ExifTags.Base.Artist,
    "description": ExifTags.Base.ImageDescription,
}
XP_COMMENT = 0x9C9C


def camera_name(make: str, model: str) -> str:
    named = model if make and model.lower().startswith(make.lower()[:5]) else f"{make} {model}"
    return clean(named, 120)


def read_exif(block: bytes) -> Exif:
    """A TIFF structure → Exif. Directories are read one level deep, so loops and nesting end here. Raises ValueError or
    struct.error when the block is no TIFF at all; a broken tag is left out."""
    exif = Exif()
    if not block:
        return exif
    tiff = Tiff(block)
    tags = tiff.directory(tiff.first)
    exif.texts = only_filled((name, _text(tags, tag)) for name, tag in TEXTS.items())
    inner = tiff.directory(tags.number(ExifTags.IFD.Exif))
    comment = decoded_text.of_comment(inner.raw(ExifTags.Base.UserComment) or tags.raw(ExifTags.Base.UserComment))
    windows = decoded_text.decoded(tags.raw(XP_COMMENT), wide=True)
    exif.texts |= only_filled([("comment", clean(comment, 100_000)), ("windows comment", clean(windows, 100_000))])
    exif.settings = only_filled((name, _text(inner, tag)) for name, tag in DEVICE.items()) | _exposure(inner)
    exif.gps = bool(tiff.directory(tags.number(ExifTags.IFD.GPSInfo)).entries)
    exif.thumbnail = _thumbnail(block, tiff.directory(tags.next))
    return exif


def _thumbnail(block: bytes, second: Directory) -> bytes:
    offset, length = (second.number(tag) for tag in (ExifTags.Base.JpegIFOffset, ExifTags.Base.JpegIFByteCount))
    return block[offset : offset + length] if 0 < length <= THUMBNAIL_LIMIT and offset > 0 else b""


def _text(tags: Directory, tag: int) -> str:
    return clean(decoded_text.decoded(tags.raw(tag)).split("\x00")[0], 100_000)


def _exposure(inner: Directory) -> dict[str, str]:
    time, aperture, focal = (
        inner.fraction(tag) for tag in (ExifTags.Base.ExposureTime, ExifTags.Base.FNumber, ExifTags.Base.FocalLength)
    )
    words = {}
    if sensitivity := inner.number(ExifTags.Base.ISOSpeedRatings):
        words["sensitivity"] = str(sensitivity)
    if time and time > 0:
        words["exposure"] = f"1/{round(1 / time)} s" if time < 1 else f"{float(time):g} s"
    if aperture:
        words["aperture"] = f"f/{float(aperture):g}"
    if focal:
        words["focal length"] = f"{float(focal):g} mm"
    return words


def is_rich(settings: dict[str, str]) -> bool:
    """Whether settings say as much about an exposure as cameras write, and hardly anybody invents."""
    return sum(bool(settings.get(name)) for name in EXPOSURE) >= 2


def evidence_of(exif: Exif, software: list[str]) -> list[Evidence]:
    """Camera and programs. exif: without makers that are no cameras. software: what XMP and IPTC name, oldest first."""
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
    "nx studio", "capture nx", "imagen ai", "picsart", "photopea",
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
