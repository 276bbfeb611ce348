"""Words, icons and figures of a verdict."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from classifier.intake.checks import size_in_words
from classifier.models import DecidedBy, Image, Outcome
from classifier.provenance.evidence import Details
from classifier.registry.detectors import PageCard
from classifier.results.report import visible
from classifier.results.wording import SAID

register = template.Library()
register.filter(size_in_words)

STRENGTHS = {
    "proves": ("Proves", "shield-check"),
    "declares": ("Declares", "info-circle"),
    "hints": ("Hints", "search"),
}
KINDS = {
    "c2pa": "Content Credentials (C2PA)",
    "iptc": "Declared source",
    "generator": "Generator",
    "camera": "Camera",
    "software": "Editing",
    "jpeg": "JPEG history",
}
ICONS = {"REAL": "camera", "FAKE": "stars", "INCONCLUSIVE": "question-circle"}
SENTENCES = {
    "REAL": "It looks like a photograph.",
    "FAKE": "The pixels look more like those of generated images than of photographs.",
}
LEANING = {
    True: "Above 0.5, it leans towards a real photograph.",
    False: "Below 0.5, it leans towards AI-generated.",
}


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """An icon of the sprite, hidden from screen readers: the word beside it says the same."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>', css, static("icons.svg"), name
    )


@register.filter
def result_favicon(image: Image) -> str:
    """The address of the icon that the browser's tab shows for a verdict, or for what a person said."""
    return static(f"favicon-{(image.label if image.label in SAID else image.outcome).lower()}.svg")


@register.filter
def score_in_words(score: float, card: PageCard) -> str:
    """The score's drawing for who does not see it."""
    between = f"Between {card['fake_below']:.2f} and {card['real_above']:.2f} the verdict is inconclusive."
    return f"Score {score:.2f} on a scale from 0, AI-generated, to 1, photograph. {between}"


@register.filter
def outcome_icon(outcome: str) -> str:
    return ICONS[outcome]


def conclusion(image: Image) -> str:
    """One sentence: why this verdict. What the file proves or declares comes before what the pixels look like."""
    verdict = image.verdict
    if image.decided_by not in ("", DecidedBy.NETWORK):
        fitting = [piece for piece in image.evidence.all() if piece.kind == image.decided_by]
        said = next((piece.summary for piece in fitting if piece.strength != "hints"), "")
        return f"{said} This decided the verdict, not the pixels."
    if verdict and image.outcome == Outcome.INCONCLUSIVE:
        return f"The detector can't tell. {verdict.get_reason_display()} {leaning(verdict.score)}"
    return SENTENCES.get(image.outcome, "")


register.filter(conclusion)

OTHERWISE = {"REAL": ("AI", "edited"), "FAKE": ("camera",), "INCONCLUSIVE": ()}


@register.filter
def contradiction(image: Image) -> str:
    """What the file proves or declares against the verdict that is given, "" when nothing does."""
    against = OTHERWISE.get(image.outcome, ())
    pieces = [piece for piece in image.evidence.all() if piece.strength != "hints" and piece.direction in against]
    return pieces[0].summary if pieces else ""


@register.filter
def strength_word(strength: str) -> str:
    return STRENGTHS[strength][0]


@register.filter
def strength_icon(strength: str) -> str:
    return STRENGTHS[strength][1]


@register.filter
def kind_words(kind: str) -> str:
    return KINDS.get(kind, kind)


@register.filter
def detail_lines(details: Details, is_owner: bool = False) -> list[tuple[str, str]]:
    """Names and texts of details; a place and a time only for the owner."""
    lines = []
    for key, value in visible(details, is_owner).items():
        if key in ("luminance_table", "ingredients", "pictures"):
            continue
        words = key.replace("_", " ")
        if key == "gps":
            value = "recorded in the file (only you are told)"
        elif isinstance(value, list):
            value = ", ".join(str(part) for part in value)
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        lines.append((words, str(value)))
    return lines


@register.filter
def leaning(score: float) -> str:
    """For an inconclusive verdict: the side of 0.5, as the original project read its score."""
    return LEANING[score > 0.5]


@register.filter
def percent(share: float | str | None) -> str:
    """Whole per cent in words that never claim certainty; a dash where nothing could be measured."""
    if not isinstance(share, int | float):  # a template gives "" for what a card lacks
        return "–"
    value = round(share * 100)
    if value > 99:
        return "over 99%"
    return "under 1%" if value < 1 else f"{value}%"


@register.filter
def duration(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@register.filter
def bar(share: float) -> str:
    """A place on the score bar, for an SVG attribute; kept off the ends so that the marker stays whole."""
    return f"{min(98.0, max(2.0, share * 100)):.1f}%"


@register.filter
def less(value: float, other: float) -> float:
    """The width between two places on the score bar."""
    return value - other


@register.filter
def times_hundred(share: float) -> str:
    return f"{share * 100:.1f}%"


@register.filter
def lookup(values: Mapping[str, object] | None, key: str) -> object:
    return (values or {}).get(key)


@register.filter
def field(form: Any, name: str) -> Any:
    """A form's field by its name."""
    return form[name]
