"""Bytes that hold text in an encoding nobody names reliably → text."""

import unicodedata

CODES = {b"ASCII": False, b"JIS": False, b"": False, b"UNICODE": True}
"""What the first eight bytes of an EXIF comment say, and whether it means UTF-16; UTF-8 stands behind all of them."""
MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))
SAMPLE = 4000


def of_comment(value: bytes) -> str:
    """An EXIF UserComment: eight bytes that name the encoding, or the text straight away."""
    value = value[:400_000]
    code = value[:8].rstrip(b"\x00 ").upper()
    return decoded(value[8:], CODES[code]) if code in CODES else decoded(value)


def decoded(raw: bytes, wide: bool = False) -> str:
    """wide: somebody said that it is UTF-16; well-formed UTF-8 without any NUL is taken for UTF-8 all the same."""
    for mark, name in MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, "replace").rstrip("\x00")
    sample = raw.rstrip(b"\x00")[:SAMPLE]
    if sample.count(0) * 5 > len(sample) or (wide and not _is_utf8(raw)):
        return _utf16(raw)
    try:
        return raw.decode("utf-8").rstrip("\x00")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace").rstrip("\x00")


def _is_utf8(raw: bytes) -> bool:
    text = raw.rstrip(b"\x00")
    try:
        return b"\x00" not in text and bool(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _utf16(raw: bytes) -> str:
    """Of both byte orders the one in which more of the text is letters that exist, ASCII counting most."""
    texts = [raw[: len(raw) // 2 * 2].decode(name, "replace") for name in ("utf-16-le", "utf-16-be")]
    return max(texts, key=_likely).rstrip("\x00")


def _likely(text: str) -> int:
    sample = text[: SAMPLE // 2] + text[-SAMPLE // 2 :]
    return sum(4 if " " <= c <= "~" or c == "\n" else unicodedata.category(c)[0] not in "C" for c in sample)
