"""What of the evidence decides a verdict. Everything else only stands beside the network's answer, and metadata is
never shown to the network."""

from collections.abc import Sequence
from typing import Literal

from classifier.provenance.evidence import Direction, Evidence, Kind, Strength

Decision = Literal["REAL", "FAKE"]

RULES: tuple[tuple[Kind, Strength, Direction, Decision, str], ...] = (
    ("c2pa", "proves", "AI", "FAKE", "A trusted signer's manifest, intact, says AI-generated."),
    ("c2pa", "declares", "AI", "FAKE", "An intact manifest of a signer we don't know says AI-generated."),
    ("iptc", "declares", "AI", "FAKE", "The file's own metadata declares it AI-generated."),
    ("generator", "declares", "AI", "FAKE", "A generator wrote its settings or its name into the file."),
    ("c2pa", "proves", "camera", "REAL", "A trusted camera's manifest, intact, without any AI edit."),
)
"""(kind, strength, direction, verdict, why). A declaration of AI need not be signed to count: hardly anybody declares
against themselves. A declaration of being real must be: anybody can write a camera's name into a file. An invalid
manifest is in no rule, so it never decides."""


def deciding(evidence: Sequence[Evidence]) -> Evidence | None:
    """The piece of evidence that decides the verdict: the first rule that fits; none when pieces that could decide
    contradict each other."""
    decisions = [(rule[3], piece) for rule in RULES for piece in evidence if rule[:3] == _key(piece)]
    return decisions[0][1] if len({decision for decision, _ in decisions}) == 1 else None


def decide(evidence: Sequence[Evidence]) -> Decision | None:
    """REAL or FAKE when the file itself settles it, otherwise None: the network's verdict stands."""
    piece = deciding(evidence)
    return next((rule[3] for rule in RULES if piece and rule[:3] == _key(piece)), None)


def _key(piece: Evidence) -> tuple[Kind, Strength, Direction]:
    return piece.kind, piece.strength, piece.direction
