"""Files made of boxes: AVIF and HEIC (ISO/IEC 14496-12), JPEG XL (18181-2) and JPEG 2000 (15444-1)."""

import io
import struct
from collections.abc import Iterator

import pillow_heif
from PIL import Image, UnidentifiedImageError

from classifier.provenance.parts import BOXES, CHUNKS, Parts

pillow_heif.register_heif_opener()

NESTED = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"moof", b"traf", b"mvex", b"meta",
          b"iprp", b"ipco")  # fmt: skip
"""Boxes of AVIF and HEIC that hold others."""
XMP_ID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
EXIF_ID = b"JpgTiffExif->JP2"


def read_still(data: bytes, parts: Parts) -> None:
    """JPEG XL and JPEG 2000: boxes on the outermost level. Those that are compressed (brob) are not read."""
    for kind, body in _outermost(data, parts):
        if kind == b"xml " and b"xmp" in body[:4000]:
            parts.add_xmp(body)
        elif kind == b"Exif" and len(body) > 4:
            (skipped,) = struct.unpack_from(">I", body)
            parts.add_exif(body[4 + skipped :])
        elif kind == b"uuid" and body[:16] == XMP_ID:
            parts.add_xmp(body[16:])
        elif kind == b"uuid" and body[:16] == EXIF_ID:
            parts.add_exif(body[16:])


def _outermost(data: bytes, parts: Parts) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    for _ in range(CHUNKS):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        size = size or len(data) - at  # nought: to the end of the file
        if size < head or at + size > len(data):
            parts.complain("A part of the file", f"a box claims {size:,} bytes, {len(data) - at:,} are there")
            return
        yield kind, data[at + head : at + size]
        at += size
    parts.overfull()


def _count(data: bytes, limit: int) -> int:
    """How many boxes there are, nested ones included; stops counting at `limit`."""
    at, count = 0, 0
    while at + 8 <= len(data) and count < limit:
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        count += 1
        if kind in NESTED:  # step into it; what lies behind it comes after its last box
            at += head + (4 if kind == b"meta" else 0)
        elif size < head:
            break
        else:
            at += size
    return count


def read_by_pillow(data: bytes) -> Parts:
    """AVIF, HEIC and BMP; whatever Pillow raises on them means that nothing can be read."""
    parts = Parts()
    if data[4:8] == b"ftyp" and _count(data, BOXES) >= BOXES:
        parts.overfull()
        return parts
    try:
        with Image.open(io.BytesIO(data), formats=("AVIF", "HEIF", "BMP")) as image:
            parts.format = image.format or ""
            xmp, exif = image.info.get("xmp"), image.info.get("exif")
            if isinstance(xmp, bytes):
                parts.add_xmp(xmp)
            if isinstance(exif, bytes):
                parts.add_exif(exif)
    except UnidentifiedImageError:
        return parts
    except Exception as error:  # Pillow's parsers raise OSError, SyntaxError, ValueError, struct.error, KeyError …
        parts.complain("The metadata", error)
    return parts
