"""One thing that is known about a file, and the words for it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["c2pa", "iptc", "generator", "camera", "software", "jpeg"]
Strength = Literal["proves", "declares", "hints"]
Direction = Literal["AI", "camera", "edited", "none"]

LONGEST = 2000
"""Characters that are kept of any text found in a file; prompts may be long, bombs are longer."""


class ProvenanceError(Exception):
    """A part of a file that can't be read; the message completes "… could not be read: "."""


@dataclass(frozen=True)
class Evidence:
    """kind: where it was found. strength: *proves* (a signature that a trusted signer's certificate vouches for),
    *declares* (somebody wrote it down; nothing stops others from doing the same), *hints* (a trace that fits).
    direction: what it speaks for. summary: one plain sentence. details: what was read, JSON-serialisable, each text at
    most LONGEST characters; "unreadable" holds the reason where a part could not be read."""

    kind: Kind
    strength: Strength
    direction: Direction
    summary: str
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def unreadable(kind: Kind, what: str, reason: object) -> Evidence:
    """A part that is there and can't be read: worth a sentence, never a verdict."""
    why = clean(str(reason), 200)
    return Evidence(kind, "hints", "none", f"{what} could not be read: {why.rstrip('.')}.", {"unreadable": why})


def clean(text: str, longest: int = LONGEST) -> str:
    """Text from a file, safe to store and show: no control characters but line breaks, no surrogates, bounded."""
    text = text[: 4 * longest].encode("utf-8", "replace").decode("utf-8")
    kept = "".join(c if c.isprintable() or c in "\n\t" else " " for c in text).strip()
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def only_filled(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Details without the empty ones."""
    return {key: value for key, value in pairs if value not in (None, "", [], {})}
