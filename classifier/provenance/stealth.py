"""Text hidden in the lowest bits of pixels: NovelAI's "stealth" metadata and its copies by AUTOMATIC1111 and others.

The bits run down the columns. A signature of 15 letters, the length in bits (32, big endian), then UTF-8 text, plain or
gzipped; in the alpha channel, or in red, green and blue when there is none.
"""

import json
import zlib

import numpy as np
from PIL import Image

from classifier.provenance.parts import TEXT_LIMIT, unpack

SIGNATURES = {
    b"stealth_pnginfo": ("alpha", False),
    b"stealth_pngcomp": ("alpha", True),
    b"stealth_rgbinfo": ("rgb", False),
    b"stealth_rgbcomp": ("rgb", True),
}
HEAD = 15 * 8 + 32
GZIP = 16 + zlib.MAX_WBITS


def read_stealth(picture: Image.Image) -> str | None:
    """The hidden text of an RGB or RGBA picture, None when there is none. Raises ValueError or zlib.error when there is
    a signature and what follows it is damaged."""
    if picture.mode not in ("RGB", "RGBA") or picture.width * picture.height * 3 < HEAD:
        return None
    for channel in ("alpha", "rgb"):
        if channel == "alpha" and picture.mode == "RGB":
            continue
        columns = 1 + HEAD // picture.height
        head = _bits(picture.crop((0, 0, min(columns, picture.width), picture.height)), channel)
        kind = SIGNATURES.get(np.packbits(head[:120]).tobytes())
        if kind and kind[0] == channel:
            return _text(picture, channel, kind[1])
    return None


def _bits(picture: Image.Image, channel: str) -> np.ndarray:
    pixels = np.asarray(picture)
    lowest = pixels[..., 3] if channel == "alpha" else pixels[..., :3]
    return np.asarray(lowest.swapaxes(0, 1).reshape(-1) & 1)


def _text(picture: Image.Image, channel: str, compressed: bool) -> str:
    bits = _bits(picture, channel)
    length = int.from_bytes(np.packbits(bits[120:152]).tobytes(), "big")
    if length > bits.size - HEAD or length > 8 * TEXT_LIMIT:
        raise ValueError("the hidden text claims to be longer than the picture can hold")
    raw = np.packbits(bits[HEAD : HEAD + length]).tobytes()
    return (unpack(raw, TEXT_LIMIT, GZIP) if compressed else raw).decode("utf-8", "replace")


def as_texts(hidden: str) -> list[tuple[str, str]]:
    """Hidden text as (keyword, text): NovelAI hides all its text chunks as one JSON object, others the settings."""
    if hidden.lstrip().startswith("{"):
        try:
            data = json.loads(hidden)
        except (ValueError, RecursionError):
            return [("parameters", hidden)]
        if isinstance(data, dict) and {"Software", "Comment", "Description"} & set(data):
            return [(str(key), value if isinstance(value, str) else json.dumps(value)) for key, value in data.items()]
    return [("parameters", hidden)]
