"""Small drawings of numbers as SVG, without script or style attribute, which the Content-Security-Policy forbids."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

WIDTH, HEIGHT, EDGE = 320, 160, 24


@register.simple_tag
def curve(history: Sequence[dict[str, Any]], name: str) -> SafeString:
    """A figure by epoch, on training and on validation images; nothing where there is none."""
    pairs = [(f"{kind} images", [entry.get(key) for entry in history])
             for kind, key in (("training", name), ("validation", f"val_{name}"))]  # fmt: skip
    values = [value for _, line in pairs for value in line if value is not None]
    if not values:
        return SafeString("")
    low, high = (0.0, 1.0) if name in ("accuracy", "auroc") else (min(values), max(values) + 1e-9)
    lines = [(label, _points(line, low, high)) for label, line in pairs]
    drawn = format_html_join("", '<polyline class="line {}" points="{}"/>',
                             ((label.split()[0], points) for label, points in lines))  # fmt: skip
    dots = format_html_join(
        "", '<circle class="dot {}" cx="{}" cy="{}" r="3"/>',
        ((label.split()[0], *points.split()[-1].split(",")) for label, points in lines if points),
    )  # fmt: skip
    last = ", ".join(f"{label} {line[-1]:.3f}" for label, line in pairs if line and line[-1] is not None)
    return format_html(
        '<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{} by epoch; last: {}">'
        '<path class="axis" d="M{} 8V{}H{}"/><text x="0" y="16">{}</text><text x="0" y="{}">{}</text>{}{}</svg>',
        WIDTH, HEIGHT, name, last, EDGE, HEIGHT - EDGE, WIDTH - 4, f"{high:.2f}", HEIGHT - EDGE, f"{low:.2f}", drawn,
        dots,
    )  # fmt: skip


def _points(line: Sequence[float | None], low: float, high: float) -> str:
    step = (WIDTH - EDGE - 12) / max(1, len(line) - 1)
    found = []
    for index, value in enumerate(line):
        if value is not None:
            height = (min(max(value, low), high) - low) / (high - low)
            found.append(f"{EDGE + 4 + index * step:.1f},{HEIGHT - EDGE - height * (HEIGHT - EDGE - 8):.1f}")
    return " ".join(found)


@register.simple_tag
def reliability(table: Sequence[dict[str, Any]]) -> SafeString:
    """The reliability diagram of a card's table: score against the share of real photographs, a bar as wide as its part
    of the scores; on the diagonal the scores are honest."""
    if not table:
        return SafeString("")
    side = HEIGHT - EDGE - 8
    bars = []
    for row in table:
        low, high, share = row["low"], min(1.0, row["high"]), 1 - row["fake"]
        place = [EDGE + low * side, 8 + (1 - share) * side, max(1.0, (high - low) * side - 1), share * side]
        title = f"Scores from {low:.2f} to {high:.2f}: {share:.0%} real, n = {row['n']}"
        bars.append((*(f"{value:.1f}" for value in place), title))
    drawn = _rectangles(bars)
    return format_html(
        '<svg class="curve square" viewBox="0 0 {} {}" role="img" aria-label="Reliability: score against the share of '
        'real photographs">{}<path class="diagonal" d="M{} {}L{} 8"/><path class="axis" d="M{} 8V{}H{}"/></svg>',
        EDGE + side + 4, HEIGHT, drawn, EDGE, HEIGHT - EDGE, EDGE + side, EDGE, HEIGHT - EDGE, EDGE + side,
    )  # fmt: skip


def _rectangles(bars: Sequence[tuple[Any, ...]]) -> SafeString:
    """(x, y, width, height, what it says when pointed at)."""
    return format_html_join("", '<rect class="bin" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>', bars)


@register.simple_tag
def histogram(counts: Sequence[int]) -> SafeString:
    """Bars of equal width, from score 0 to 1."""
    most = max(counts, default=0) or 1
    width = 120 / max(1, len(counts))
    bars = [
        (f"{index * width:.1f}", f"{28 - 26 * count / most:.1f}", f"{width - 1:.1f}", f"{26 * count / most:.1f}", count)
        for index, count in enumerate(counts)
    ]
    drawn = _rectangles(bars)
    words = ", ".join(str(count) for count in counts)
    return format_html(
        '<svg class="histogram" viewBox="0 0 120 28" role="img" aria-label="Scores from 0 to 1: {}">{}</svg>',
        words,
        drawn,
    )
