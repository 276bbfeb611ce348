"""What Samsung's phones append to a picture: named blocks and, at the very end, where they lie ("SEFH" … "SEFT")."""

import json
import struct
from collections.abc import Iterator

from classifier.provenance.evidence import Evidence, clean, only_filled

BLOCKS, LONGEST = 64, 200_000
EDITS = ("PEg_Info", "Generative_Edit_Info", "PhotoEditor_Generative")
"""Blocks that the photo editor leaves when it lets a network invent parts of the picture."""


def evidence_of(data: bytes) -> list[Evidence]:
    for name, body in _blocks(data):
        if name.startswith(EDITS) and (info := _info(body)) and str(info.get("genAIType", "0")) not in ("0", "-1", ""):
            summary = "Samsung's photo editor changed parts of the picture with generative AI."
            details = only_filled(("gen_ai_" + key, clean(str(info.get(full, "")), 80)) for key, full in KEYS.items())
            return [Evidence("software", "hints", "edited", summary, details)]
    return []


KEYS = {"type": "genAIType", "version": "genImageVersion", "connector": "connectorType"}


def _blocks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each block. The directory counts backwards from its own beginning."""
    if data[-4:] != b"SEFT" or len(data) < 20:
        return
    (length,) = struct.unpack_from("<I", data, len(data) - 8)
    start = len(data) - 8 - length
    if start < 0 or data[start : start + 4] != b"SEFH":
        return
    (count,) = struct.unpack_from("<I", data, start + 8)
    for at in range(start + 12, min(start + 12 + 12 * min(count, BLOCKS), len(data) - 19), 12):
        back, size = struct.unpack_from("<II", data, at + 4)
        body = data[start - back : start - back + min(size, LONGEST)] if 8 < back <= start else b""
        (named,) = struct.unpack_from("<I", body, 4) if len(body) >= 8 else (0,)
        if 0 < named < 100:
            yield body[8 : 8 + named].decode("utf-8", "replace"), body[8 + named :]


def _info(body: bytes) -> dict[str, object]:
    try:
        info = json.loads(body.rstrip(b"\x00"))
    except (ValueError, RecursionError):
        return {}
    return info if isinstance(info, dict) else {}
