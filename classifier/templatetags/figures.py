"""The drawings of `detector.measuring.plots` in pages."""

from collections.abc import Sequence

from django import template
from django.utils.safestring import SafeString

from classifier.detector.measuring import hundred, plots
from classifier.detector.stats.measured import Bin, Epoch, Report

register = template.Library()


@register.simple_tag
def plot(report: Report, name: str) -> SafeString:
    return SafeString(plots.draw(report, name))


@register.simple_tag
def curve(history: Sequence[Epoch], name: str) -> SafeString:
    return SafeString(plots.curve(history, name, held_out="validation images"))


@register.simple_tag
def reliability(table: Sequence[Bin]) -> SafeString:
    return SafeString(plots.reliability(table))


@register.simple_tag
def dots(parts: Sequence[hundred.Part], title: str) -> SafeString:
    return SafeString(hundred.draw(parts, title))


@register.simple_tag
def histogram(counts: Sequence[int]) -> SafeString:
    return SafeString(plots.histogram(counts))
