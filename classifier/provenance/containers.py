"""Files taken apart chunk by chunk: where XMP, EXIF, text and tables lie, never by searching for bytes.

Sources: PNG (ISO/IEC 15948), JPEG (ITU T.81, XMP part 3 for extended XMP), WebP (RFC 9649), GIF89a, TIFF
6.0. Lengths that lie end the reading with a complaint; what was found before is kept.
"""

import struct
import zlib
from collections.abc import Callable, Iterator

from classifier.provenance import boxes
from classifier.provenance.decoded_text import decoded
from classifier.provenance.parts import BLOCKS, CHUNKS, TEXT_LIMIT, Parts, unpack
from classifier.provenance.tiff import Tiff

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"


def take_apart(data: bytes) -> Parts:
    """Parts of a file by its first bytes. Never raises; formats that are not known have no parts."""
    for signature, name, reader in READERS:
        if data[: len(signature)] == signature and (name != "WEBP" or data[8:12] == b"WEBP"):
            parts = Parts(name)
            try:
                reader(data, parts)
            except (struct.error, IndexError, ValueError, zlib.error) as error:
                parts.complain("A part of the file", error)
            return parts
    return boxes.read_by_pillow(data)


def _png(data: bytes, parts: Parts) -> None:
    budget = TEXT_LIMIT
    for kind, body in _chunks(data, parts):
        if kind == b"IEND":
            return
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            try:
                keyword, text, used = _png_text(kind, body, budget)
            except (ValueError, zlib.error) as error:
                parts.complain("A text chunk", error)
            else:
                budget -= used
                if keyword == "XML:com.adobe.xmp":
                    parts.add_xmp(text.encode("utf-8", "surrogateescape"))
                elif keyword.startswith("Raw profile type "):
                    _raw_profile(keyword.removeprefix("Raw profile type "), text, parts)
                else:
                    parts.texts.append((keyword, text))
        elif kind == b"eXIf":
            parts.add_exif(body)


def _chunks(data: bytes, parts: Parts) -> Iterator[tuple[bytes, bytes]]:
    """(type, body) of a PNG's or a WebP's chunks, until one lies about its length or there are too many."""
    png = parts.format == "PNG"
    at = 8 if png else 12
    for _ in range(CHUNKS):
        if at + 8 > len(data):
            return
        if png:
            length, kind = struct.unpack_from(">I4s", data, at)
        else:
            kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) < length:
            parts.complain("A part of the file", f"a chunk claims {length:,} bytes, {len(body):,} are there")
            return
        yield kind, body
        at += 8 + length + (4 if png else length % 2)  # a checksum, or padding to an even length
    parts.overfull()


def _png_text(kind: bytes, body: bytes, budget: int) -> tuple[str, str, int]:
    """(keyword, text, bytes used of the budget)."""
    keyword, found, rest = body.partition(b"\x00")
    if not found:
        raise ValueError("its keyword does not end")
    compressed, encoding = kind == b"zTXt", "latin-1"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        compressed, encoding = rest[:1] == b"\x01", "utf-8"
        _, _, rest = rest[2:].partition(b"\x00")  # language
        _, _, rest = rest.partition(b"\x00")  # translated keyword
    raw = unpack(rest, budget) if compressed else rest
    if len(raw) > budget:
        raise ValueError(f"there is more than {TEXT_LIMIT // 1_000_000} MB of text")
    if encoding == "latin-1":  # many programs write UTF-8 where the standard says Latin-1
        try:
            return keyword.decode("latin-1"), raw.decode("utf-8"), len(raw)
        except UnicodeDecodeError:
            pass
    return keyword.decode("latin-1"), raw.decode(encoding, "replace"), len(raw)


def _raw_profile(name: str, text: str, parts: Parts) -> None:
    """ImageMagick's way to keep a block of another format in text: a name, a length, hex digits."""
    try:
        block = bytes.fromhex("".join("".join(text.split("\n")[3:]).split()))
    except ValueError as error:
        parts.complain("A text chunk", error)
        return
    if name in ("iptc", "8bim"):
        parts.iptc = parts.iptc or _photoshop_iptc(block) or (block if block[:1] == b"\x1c" else b"")
    elif name == "xmp" or block.startswith(XMP_HEAD):
        parts.add_xmp(block.removeprefix(XMP_HEAD))
    elif name in ("exif", "APP1"):
        parts.add_exif(block)


def _jpeg(data: bytes, parts: Parts) -> None:
    at = 2
    extended: dict[bytes, list[tuple[int, bytes]]] = {}
    photoshop: list[bytes] = []
    for _ in range(CHUNKS):
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xDA:  # the picture itself begins
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if length < 2 or len(body) < length - 2:
            parts.complain("A part of the file", "a JPEG segment claims more bytes than there are")
            break
        _jpeg_segment(marker, body, parts, extended, photoshop)
        at += 2 + length
    else:
        parts.overfull()
    for pieces in extended.values():
        parts.add_xmp(b"".join(piece for _, piece in sorted(pieces)))
    parts.iptc = _photoshop_iptc(b"".join(photoshop))  # a long block goes on in the next segment


def _jpeg_segment(
    marker: int, body: bytes, parts: Parts, extended: dict[bytes, list[tuple[int, bytes]]], photoshop: list[bytes]
) -> None:
    if marker == 0xE1 and body.startswith(b"Exif\x00\x00"):
        parts.add_exif(body)
    elif marker == 0xE1 and body.startswith(XMP_HEAD):
        parts.add_xmp(body[len(XMP_HEAD) :])
    elif marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xmp/extension/\x00"):
        (offset,) = struct.unpack_from(">I", body, 71)
        extended.setdefault(body[35:67], []).append((offset, body[75:]))
    elif marker == 0xED and body.startswith(b"Photoshop 3.0\x00"):
        photoshop.append(body[14:])
    elif marker == 0xFE:
        parts.texts.append(("comment", decoded(body[:TEXT_LIMIT])))
    elif marker == 0xC2:
        parts.progressive = True


def _photoshop_iptc(block: bytes) -> bytes:
    """The IPTC-IIM resource (0x0404) among Photoshop's image resources."""
    at = 0
    while block[at : at + 4] == b"8BIM":
        (number,) = struct.unpack_from(">H", block, at + 4)
        name = block[at + 6] + 1
        at += 6 + name + name % 2
        (size,) = struct.unpack_from(">I", block, at)
        if number == 0x0404:
            return block[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return b""


def _webp(data: bytes, parts: Parts) -> None:
    for kind, body in _chunks(data, parts):
        if kind == b"EXIF":
            parts.add_exif(body)
        elif kind == b"XMP ":
            parts.add_xmp(body)


def _gif(data: bytes, parts: Parts) -> None:
    at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    blocks = 0
    for _ in range(CHUNKS):
        introducer = data[at] if at < len(data) else 0x3B
        if introducer == 0x3B:
            return
        if introducer == 0x2C:  # a frame: descriptor, colour table, LZW size, blocks
            start, label = at + 10 + (3 << ((data[at + 9] & 7) + 1) if data[at + 9] & 0x80 else 0) + 1, 0
        else:
            start, label = at + 2, data[at + 1]
        at, count = _after_blocks(data, start, BLOCKS - blocks)
        blocks += count
        if blocks >= BLOCKS:
            break
        if label == 0xFE:
            joined = _joined_blocks(data, start, at)
            parts.texts.append(("comment", decoded(joined[:TEXT_LIMIT])))
        elif label == 0xFF and data[start + 1 : start + 12] == b"XMP DataXMP":
            parts.add_xmp(data[start + 12 : at].partition(b"\x01\xff\xfe")[0])
    parts.overfull()


def _after_blocks(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Where a row of blocks ends, and how many there were, at most `limit`."""
    count = 0
    while at < len(data) and data[at] and count < limit:
        at += data[at] + 1
        count += 1
    return at + 1, count


def _joined_blocks(data: bytes, at: int, end: int) -> bytes:
    joined = b""
    while at < end - 1 and data[at]:
        joined += data[at + 1 : at + 1 + data[at]]
        at += data[at] + 1
    return joined


XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG = 700, 33723, 34377


def _tiff(data: bytes, parts: Parts) -> None:
    """Every tag is read where it lies; the whole file stands for its EXIF block, whatever its size."""
    tiff = Tiff(data)
    parts.exif = data
    tags = tiff.directory(tiff.first)
    parts.add_xmp(tags.raw(XMP_TAG))
    parts.iptc = tags.raw(IPTC_TAG) or _photoshop_iptc(tags.raw(PHOTOSHOP_TAG))


def _nothing(data: bytes, parts: Parts) -> None:
    """A bare JPEG XL stream has no place for metadata."""


READERS: tuple[tuple[bytes, str, Callable[[bytes, Parts], None]], ...] = (
    (PNG, "PNG", _png),
    (JPEG, "JPEG", _jpeg),
    (b"RIFF", "WEBP", _webp),
    (b"GIF8", "GIF", _gif),
    (b"II*\x00", "TIFF", _tiff),
    (b"MM\x00*", "TIFF", _tiff),
    (b"II+\x00", "TIFF", _tiff),
    (b"MM\x00+", "TIFF", _tiff),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JXL", boxes.read_still),
    (b"\xff\x0a", "", _nothing),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000", boxes.read_still),
)
