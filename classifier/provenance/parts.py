"""What a container holds, and how much of it is read at most."""

import zlib
from dataclasses import dataclass, field

XMP_LIMIT = 2_000_000
EXIF_LIMIT = 4_000_000
TEXT_LIMIT = 4_000_000
"""Bytes that are read of each; compressed text is unpacked no further than this. A TIFF is its own EXIF block, of
any size."""
CHUNKS, BLOCKS, BOXES = 20_000, 200_000, 2_000
"""How many chunks, blocks of a GIF, and boxes of an AVIF or HEIC are read; real files have a tenth of that at most."""


@dataclass
class Parts:
    """format: a Pillow name. texts: (keyword, text), in order. complaints: (what, why) of what can't be read."""

    format: str = ""
    exif: bytes = b""
    xmp: list[bytes] = field(default_factory=list)
    iptc: bytes = b""
    texts: list[tuple[str, str]] = field(default_factory=list)
    progressive: bool = False
    complaints: list[tuple[str, str]] = field(default_factory=list)
    too_many: bool = False

    def overfull(self) -> None:
        """More chunks than any camera or program writes: other readers would take minutes, so none is asked."""
        self.too_many = True
        self.complain("A part of the file", f"it has more than {CHUNKS:,} chunks")

    def complain(self, what: str, why: object) -> None:
        if len(self.complaints) < 8:
            self.complaints.append((what, str(why)))

    def add_xmp(self, packet: bytes) -> None:
        if sum(map(len, self.xmp)) + len(packet) > XMP_LIMIT:
            self.complain("The XMP metadata", f"there is more than {XMP_LIMIT // 1_000_000} MB of it")
        elif packet:
            self.xmp.append(packet)

    def add_exif(self, block: bytes) -> None:
        if len(block) > EXIF_LIMIT:
            self.complain("The EXIF metadata", f"there is more than {EXIF_LIMIT // 1_000_000} MB of it")
        elif not self.exif:
            self.exif = block.removeprefix(b"Exif\x00\x00")


def unpack(packed: bytes, limit: int, window: int = zlib.MAX_WBITS) -> bytes:
    """zlib-decompress at most `limit` bytes. Raises ValueError beyond, zlib.error when damaged."""
    unpacker = zlib.decompressobj(window)
    raw = unpacker.decompress(packed, limit + 1)
    if len(raw) > limit:
        raise ValueError(f"it unpacks to more than {limit / 1e6:g} MB")
    return raw
