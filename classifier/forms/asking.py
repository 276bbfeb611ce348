"""Single values as they come in a request, read without a form: whatever was sent, what comes out can be stored and
looked for in every database."""

from collections.abc import Iterable


def whole_number(text: str, most: int = 2**63 - 1) -> int | None:
    """A number without sign from 0 to `most`, in the digits 0 to 9; None for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return number if number <= most else None


def whole_numbers(texts: Iterable[str]) -> list[int]:
    """Those that are numbers."""
    return [number for text in texts if (number := whole_number(text)) is not None]


def one_line(text: str, most: int) -> str:
    """At most `most` characters, none of them a control character: PostgreSQL refuses NUL."""
    return "".join(character for character in text if character.isprintable()).strip()[:most]
