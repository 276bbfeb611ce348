"""Tags of a TIFF structure (a TIFF file, or an EXIF block), read one by one: nothing is rewritten or followed twice.

Sources: TIFF 6.0, BigTIFF, CIPA DC-008 (Exif 3.0). A tag that lies about its place or length is empty; the others stay.
"""

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value of each type."""
NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
ENTRIES = 2000
LARGEST = 2_000_000
"""Bytes that are read of one tag."""


@dataclass
class Directory:
    """One directory: {tag: (type, how many values, where they lie)}, and where the next one is, 0 for none."""

    data: bytes = b""
    order: str = "<"
    entries: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    next: int = 0

    def raw(self, tag: int) -> bytes:
        kind, count, at = self.entries.get(tag, (0, 0, 0))
        length = SIZES.get(kind, 0) * count
        return self.data[at : at + length] if 0 < length <= LARGEST and at + length <= len(self.data) else b""

    def number(self, tag: int) -> int:
        """The first value of a tag of whole numbers, 0 when there is none."""
        kind = self.entries.get(tag, (0, 0, 0))[0]
        raw = self.raw(tag)
        return int(struct.unpack_from(self.order + NUMBERS[kind], raw)[0]) if raw and kind in NUMBERS else 0

    def fraction(self, tag: int) -> Fraction | None:
        kind, raw = self.entries.get(tag, (0, 0, 0))[0], self.raw(tag)
        if kind in (11, 12) and raw:
            (value,) = struct.unpack_from(self.order + ("f" if kind == 11 else "d"), raw)
            return Fraction(value).limit_denominator(100_000) if isfinite(value) else None
        if kind not in (5, 10) or len(raw) < 8:
            return Fraction(self.number(tag)) if raw and kind in NUMBERS else None
        upper, lower = struct.unpack_from(self.order + ("II" if kind == 5 else "ii"), raw)
        return Fraction(upper, lower).limit_denominator(100_000) if lower else None


@dataclass
class Tiff:
    """An opened structure. Raises ValueError or struct.error when the header is none."""

    data: bytes
    order: str = "<"
    big: bool = False
    first: int = 0

    def __post_init__(self) -> None:
        self.order = {b"II": "<", b"MM": ">"}.get(self.data[:2], "")
        if not self.order:
            raise ValueError("it does not begin as TIFF does")
        (magic,) = struct.unpack_from(self.order + "H", self.data, 2)
        if magic not in (42, 43, 0x55, 0x4F52, 0x5352):  # TIFF, BigTIFF, and Panasonic's and Olympus' raw files
            raise ValueError("it does not begin as TIFF does")
        self.big = magic == 43
        (self.first,) = struct.unpack_from(self.order + ("Q" if self.big else "I"), self.data, 8 if self.big else 4)

    def directory(self, at: int) -> Directory:
        """The directory at an offset, empty when there is none. Entries that lie outside the data are left out."""
        head, entry, wide = ("Q", "HHQ", "Q") if self.big else ("H", "HHI", "I")
        start, size = struct.calcsize("=" + head), struct.calcsize("=" + entry) + struct.calcsize("=" + wide)
        directory = Directory(self.data, self.order)
        if not 0 < at <= len(self.data) - start:
            return directory
        (count,) = struct.unpack_from(self.order + head, self.data, at)
        for place in range(at + start, at + start + size * min(count, ENTRIES), size):
            if place + size > len(self.data):
                return directory
            tag, kind, many = struct.unpack_from(self.order + entry, self.data, place)
            values = place + size - struct.calcsize("=" + wide)
            if SIZES.get(kind, 0) * many > struct.calcsize("=" + wide):
                (values,) = struct.unpack_from(self.order + wide, self.data, values)
            directory.entries.setdefault(tag, (kind, many, values))
        after = at + start + size * count
        if count <= ENTRIES and after + struct.calcsize("=" + wide) <= len(self.data):
            (directory.next,) = struct.unpack_from(self.order + wide, self.data, after)
        return directory
