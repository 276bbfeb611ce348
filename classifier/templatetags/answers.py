"""The answer of a verdict page: one sentence with one number, what decided, the evidence in groups, what to do next."""

from collections.abc import Iterable
from typing import Any

from django import template

from classifier.detector.labels import BETWEEN
from classifier.models import DecidedBy, Evidence, Image, Outcome, State, Verdict
from classifier.results import wording
from classifier.templatetags.verdicts import conclusion

register = template.Library()
register.filter(wording.human_answer)
register.filter(wording.heading)

ANSWERS = {
    "REAL": "Looks like a photograph.",
    "FAKE": "Probably AI-generated.",
    "INCONCLUSIVE": "The detector can't tell.",
}
HINT = "A hint, not proof."
WEIGHTS = {
    "proves": "Proven is who signed it, and that it was not changed since. Whether they tell the truth is not.",
    "declares": "A hint, not proof: whoever has the file can add, change or remove such a note.",
}
"""What evidence that decides is worth, by its strength."""
NAMES = {"REAL": "real photographs", "FAKE": "AI-generated"}
GROUPS = (("camera", "For a camera"), ("AI", "For AI"), ("", "Worth knowing"))
"""(direction, heading); the last one takes everything else, warnings included."""
LEANS = 0.55
"""Share of one class among pictures that scored alike from which an inconclusive verdict leans."""
SEARCHES = (
    ("Google Lens", "https://lens.google.com/"),
    ("TinEye", "https://tineye.com/"),
    ("Bing Visual Search", "https://www.bing.com/visualsearch"),
)
"""Links that a person opens themselves; nothing is sent there."""


@register.filter
def said_by_a_person(image: Image) -> bool:
    """Whether a class was said that stands above the verdict."""
    return image.label in wording.SAID


@register.filter
def page_title(image: Image) -> str:
    said = {State.DONE: wording.heading(image), State.FAILED: "No verdict"}
    return f"{said.get(State(image.state), f'{image.get_state_display()}…')}: {image.name} · aidetect"


@register.filter
def preview_words(image: Image) -> str:
    """The sentences of a preview card in a chat."""
    said = f"{conclusion(image)} {weight(credential(image))}" if decided_by_file(image) else f"{answer(image)} {HINT}"
    return " ".join(part for part in (wording.human_answer(image), said) if part)


@register.filter
def answer(image: Image) -> str:
    """What the detector's verdict means, in a sentence with one number where one was measured."""
    verdict = image.verdict
    if verdict is None:
        return ""
    why = verdict.get_reason_display() if verdict.outcome == Outcome.INCONCLUSIVE else ""
    return " ".join(part for part in (ANSWERS[verdict.outcome], why, frequency(verdict)) if part)


@register.filter
def frequency(verdict: Verdict) -> str:
    """How often pictures that scored like this were what the verdict names (or leans towards); "" where the score was
    never measured: no table, or a picture that the detector is not made for."""
    row, share = verdict.experience, _share(verdict)
    if row is None or share is None or not _measurable(verdict):
        return ""
    hundredth = min(99, max(1, round(100 * share)))
    counted = f"n = {row['n']:,}, collections the detector never saw"
    return f"Of 100 pictures that score like this, about {hundredth} were {NAMES[leaning_of(verdict)]} ({counted})."


def _share(verdict: Verdict) -> float | None:
    """The measured share of the class that a verdict names or leans towards, None where there is none."""
    row = verdict.experience
    if row is None:
        return None
    fake: float = row["fake"]
    return fake if leaning_of(verdict) == Outcome.FAKE else 1 - fake


def _measurable(verdict: Verdict) -> bool:
    """Not so where the picture can't be judged at all, or its score doesn't stand."""
    return verdict.reason in ("", BETWEEN)


@register.filter
def leaning_of(verdict: Verdict) -> str:
    """The class that a verdict names; for an inconclusive one the side of 0.5."""
    if verdict.outcome in NAMES:
        return verdict.outcome
    return Outcome.REAL if verdict.score > 0.5 else Outcome.FAKE


@register.filter
def can_lean(verdict: Verdict) -> bool:
    """Whether an inconclusive verdict leans to a side at all: not where the measured share is next to a coin toss."""
    share = _share(verdict)
    return verdict.outcome == Outcome.INCONCLUSIVE and _measurable(verdict) and (share is None or share >= LEANS)


@register.filter
def credential(image: Image) -> Evidence | None:
    """The piece of evidence that decided, None when the pixels did."""
    if not decided_by_file(image):
        return None
    fitting = [piece for piece in image.evidence.all() if piece.kind == image.decided_by and piece.strength != "hints"]
    return next(iter(fitting), None)


@register.filter
def weight(deciding: Evidence | None) -> str:
    return WEIGHTS.get(deciding.strength if deciding else "", HINT)


@register.filter
def decided_by_file(image: Image) -> bool:
    return image.decided_by not in ("", DecidedBy.NETWORK)


@register.filter
def grouped(image: Image) -> list[tuple[str, list[Evidence]]]:
    """The evidence beside what decided, under its headings; facts about the file are elsewhere."""
    deciding, directions = credential(image), [direction for direction, _ in GROUPS]
    groups: dict[str, list[Evidence]] = {heading: [] for _, heading in GROUPS}
    for piece in image.evidence.all():
        if piece != deciding and not _is_fact(piece):
            known = piece.direction in directions and not warns(piece)
            groups[dict(GROUPS)[piece.direction if known else ""]].append(piece)
    return [(heading, pieces) for heading, pieces in groups.items() if pieces]


@register.filter
def file_facts(evidence: Iterable[Evidence]) -> list[str]:
    """What belongs to the file's facts because it speaks for nothing."""
    return [piece.summary for piece in evidence if _is_fact(piece)]


def _is_fact(piece: Evidence) -> bool:
    return piece.kind == "jpeg" and piece.direction == "none" and not warns(piece)


@register.filter
def warns(piece: Any) -> bool:
    """Whether a piece of evidence says that something is wrong with the file."""
    return piece.details.get("state") == "invalid" or "unreadable" in piece.details


@register.filter
def tone(piece: Evidence) -> str:
    """The class of its frame: a warning, or the colour of what it speaks for."""
    return "warning" if warns(piece) else {"AI": "FAKE", "camera": "REAL"}.get(piece.direction, "INCONCLUSIVE")


@register.filter
def made_from(piece: Evidence) -> list[tuple[int, str]]:
    """Number and title of each ingredient that has a small picture."""
    titles = [str(one.get("title", "")) for one in piece.details.get("ingredients", [])]
    pictures = piece.details.get("pictures", [])
    return [(number, title) for number, (title, found) in enumerate(zip(titles, pictures, strict=False)) if found]


@register.simple_tag
def searches() -> tuple[tuple[str, str], ...]:
    return SEARCHES
