"""One thing that is known about a file, and the words for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict, TypeVar

Kind = Literal["c2pa", "iptc", "generator", "camera", "software", "jpeg"]
Strength = Literal["proves", "declares", "hints"]
Direction = Literal["AI", "camera", "edited", "none"]

Details = Mapping[str, object]
"""What was read, by name: texts, numbers, yes or no, or lists of such; JSON-serialisable."""

Value = TypeVar("Value")

LONGEST = 2000
"""Characters that are kept of any text found in a file; prompts may be long, bombs are longer."""


class ProvenanceError(Exception):
    """A part of a file that can't be read; the message completes "… could not be read: "."""


class Told(TypedDict):
    """A piece of evidence in reports, in the rows of the database and for other programs."""

    kind: Kind
    strength: Strength
    direction: Direction
    summary: str
    details: Details


class Settings(TypedDict, total=False):
    """What a generator wrote of how it made a picture; "" or nothing where it wrote nothing. direction: "edited" where
    it only changed a picture that was loaded, with its `nodes` or what it was `enlarged_with`."""

    generator: str
    version: str
    prompt: object
    negative_prompt: object
    model: object
    seed: object
    sampler: object
    steps: object
    cfg: object
    size: object
    job: str
    signature: str
    direction: Direction
    nodes: str
    enlarged_with: str


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
    details: Details = field(default_factory=dict)

    def as_dict(self) -> Told:
        return {
            "kind": self.kind,
            "strength": self.strength,
            "direction": self.direction,
            "summary": self.summary,
            "details": self.details,
        }


def unreadable(kind: Kind, what: str, reason: object) -> Evidence:
    """A part that is there and can't be read: worth a sentence, never a verdict."""
    why = clean(str(reason), 200)
    return Evidence(kind, "hints", "none", f"{what} could not be read: {why.rstrip('.')}.", {"unreadable": why})


def clean(text: str, longest: int = LONGEST) -> str:
    """Text from a file, safe to store and show: no control characters but line breaks, no surrogates, bounded."""
    text = text[: 4 * longest].encode("utf-8", "replace").decode("utf-8")
    kept = "".join(c if c.isprintable() or c in "\n\t" else " " for c in text).strip()
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def only_filled(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Details without the empty ones."""
    return {key: value for key, value in pairs if value not in (None, "", [], {})}
