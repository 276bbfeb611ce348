"""A picture for everybody: a hundred dots, one for each of a hundred pictures, by what they were called."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from classifier.detector.labels import FAKE, INCONCLUSIVE, REAL
from classifier.detector.stats.measured import Decided

ROW, STEP = 20, 16
"""Dots in a row, and pixels from one to the next."""


@dataclass(frozen=True)
class Part:
    """So many of the hundred. verdict: REAL, FAKE, INCONCLUSIVE, or "" for what was not counted apart. wrong: drawn as
    a cross, so that colour is not all that tells it."""

    count: int
    verdict: str
    words: str
    wrong: bool = False

    @property
    def name(self) -> str:
        return " ".join(part for part in ("part", self.verdict, "wrong" if self.wrong else "") if part)


def parts_of(kind: str, decided: Decided) -> list[Part]:
    """What a hundred pictures of a kind, REAL or FAKE, were called, by the shares of `evaluation.three_way`; [] where
    nothing was measured. Reports from before 2026-11-25 do not tell what was right from what got no answer."""
    other = FAKE if kind == REAL else REAL
    wrongly, rightly = (
        (decided.get("real_called_fake"), decided.get("real_called_real"))
        if kind == REAL
        else (decided.get("fake_called_real"), decided.get("fake_called_fake"))
    )
    if wrongly is None:
        return []
    called = {REAL: "called a photograph", FAKE: "called AI-generated"}
    wrong = Part(round(100 * wrongly), other, f"wrongly {called[other]}", wrong=True)
    if rightly is None:
        return [wrong, Part(100 - wrong.count, "", f"{called[kind]}, or “inconclusive”")]
    right = Part(min(100 - wrong.count, round(100 * rightly)), kind, f"correctly {called[kind]}")
    return [right, Part(100 - wrong.count - right.count, INCONCLUSIVE, "“inconclusive”"), wrong]


def draw(parts: Sequence[Part], title: str) -> str:
    """The dots as SVG in the classes of the page's theme."""
    dots = [part for part in parts for _ in range(part.count)]
    drawn = "".join(_dot(number, part) for number, part in enumerate(dots))
    label = f"{title}: " + ", ".join(f"{part.count} {part.words}" for part in parts)
    size = f"0 0 {ROW * STEP} {-(-len(dots) // ROW) * STEP}"
    return f'<svg class="hundred" viewBox="{size}" role="img" aria-label={quoteattr(label)}>{drawn}</svg>'


def _dot(number: int, part: Part) -> str:
    x, y = STEP * (number % ROW) + STEP / 2, STEP * (number // ROW) + STEP / 2
    if part.wrong:
        return f'<path class="{part.name}" d="M{x - 5:g} {y - 5:g}l10 10m0-10l-10 10"/>'
    return f'<circle class="{part.name}" cx="{x:g}" cy="{y:g}" r="5.5"/>'
