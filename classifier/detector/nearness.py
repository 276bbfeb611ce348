"""When two pictures are nearly the same: difference hashes, and keys to find near ones among many."""

import numpy as np
from PIL import Image

NEAR = 4
"""Two images are near-duplicates when their 64-bit dHashes differ in at most this many bits."""
BANDS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
"""(first bit, width) of five parts of a hash: two hashes within NEAR bits agree in one part at least."""


def dhash(image: Image.Image) -> str:
    """64-bit difference hash as 16 hex digits (Krawetz 2013): the sign of horizontal gradients of a 9×8 thumbnail."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.LANCZOS), dtype=np.int16)
    bits = (small[:, 1:] > small[:, :-1]).flatten()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def band_keys(dhash: str) -> list[int]:
    """Five numbers of a 64-bit hash (16 hex digits): two hashes that differ in at most NEAR bits share at least one."""
    value = int(dhash, 16)
    return [(band << 13) | ((value >> start) & ((1 << width) - 1)) for band, (start, width) in enumerate(BANDS)]


def distance(one: str, other: str) -> int:
    """In how many of their 64 bits two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
