"""Class names. The index of a name is the training target, so a score > 0.5 means REAL.

Keras sorts inferred class folders alphabetically; this tuple is the same order, said explicitly.
"""

from typing import Final, Literal

Label = Literal["FAKE", "REAL"]
Outcome = Literal["FAKE", "REAL", "INCONCLUSIVE"]

FAKE: Final = "FAKE"
REAL: Final = "REAL"
INCONCLUSIVE: Final = "INCONCLUSIVE"
BETWEEN: Final = "between"
UNSTABLE: Final = "unstable"
TOO_SMALL, NOT_A_PHOTO, RECOMPRESSED = "small", "graphic", "compressed"
CLASS_NAMES: Final[tuple[Label, Label]] = (FAKE, REAL)


def outcome_of(score: float, fake_below: float, real_above: float) -> Outcome:
    """Three-way verdict for a score P(REAL) in [0, 1]; scores in [fake_below, real_above] are INCONCLUSIVE."""
    if score < fake_below:
        return FAKE
    return REAL if score > real_above else INCONCLUSIVE
