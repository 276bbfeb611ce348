"""The drawings of `detector.measuring.plots` in pages."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.safestring import SafeString

from classifier.detector.measuring import hundred, plots

register = template.Library()


@register.simple_tag
def plot(report: dict[str, Any], name: str) -> SafeString:
    return SafeString(plots.draw(report, name))


@register.simple_tag
def curve(history: Sequence[dict[str, Any]], name: str) -> SafeString:
    return SafeString(plots.curve(history, name, held_out="validation images"))


@register.simple_tag
def reliability(table: Sequence[dict[str, Any]]) -> SafeString:
    return SafeString(plots.reliability(table))


@register.simple_tag
def dots(parts: Sequence[hundred.Part], title: str) -> SafeString:
    return SafeString(hundred.draw(parts, title))


@register.simple_tag
def histogram(counts: Sequence[int]) -> SafeString:
    return SafeString(plots.histogram(counts))
