"""Words, icons and figures of a verdict."""

from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from classifier.services import size_in_words

register = template.Library()
register.filter(size_in_words)

NARROW = "\u00a0"  # no line breaks between figure and sign
ICONS = {"REAL": "camera", "FAKE": "stars", "INCONCLUSIVE": "question-circle"}
SENTENCES = {
    "REAL": "The detector found no sign of generation in the pixels.",
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
def outcome_icon(outcome: str) -> str:
    return ICONS[outcome]


@register.filter
def outcome_sentence(outcome: str) -> str:
    return SENTENCES[outcome]


@register.filter
def leaning(score: float) -> str:
    """For an inconclusive verdict: the side of 0.5, as the original project read its score."""
    return LEANING[score > 0.5]


@register.filter
def percent(share: float | None) -> str:
    """Whole per cent in words that never claim certainty; a dash where nothing could be measured."""
    if share is None:
        return "–"
    value = round(share * 100)
    if value > 99:
        return f"over 99{NARROW}%"
    return f"under 1{NARROW}%" if value < 1 else f"{value}{NARROW}%"


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
def lookup(values: dict[str, Any] | None, key: str) -> Any:
    return (values or {}).get(key)
