"""Colours: contrast AA in both themes, measured from the stylesheet; assets: all of them ours."""

import re

import pytest
from django.template.loader import render_to_string

from tests.test_layers import ROOT

CSS = (ROOT / "static/css/site.css").read_text()


def theme(name):
    block = re.search(rf'\[data-bs-theme="{name}"\] \{{(.*?)\n\}}', CSS, re.S).group(1)
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block))


def luminance(colour):
    digits = colour.lstrip("#")
    digits = "".join(2 * c for c in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_itself():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("surface", ["surface", "raised", "sunken"])
@pytest.mark.parametrize("ink", ["ink", "quiet", "accent", "fake-text"])
def test_text_meets_aa(name, surface, ink):
    colours = theme(name)
    assert contrast(colours[ink], colours[surface]) >= 4.5


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("tone", ["real", "fake", "inconclusive"])
def test_verdict_icons_meet_aa_for_graphics(name, tone):
    colours = theme(name)
    for surface in ("surface", "raised"):
        assert contrast(colours[tone], colours[surface]) >= 3


@pytest.mark.parametrize("name", ["light", "dark"])
def test_buttons_meet_aa(name):
    colours = theme(name)
    assert contrast(colours["accent"], colours["on-accent"]) >= 4.5


def test_the_colours_are_those_of_the_identity():
    light, dark = theme("light"), theme("dark")
    assert (light["real"], light["fake"], light["inconclusive"], light["accent"]) == (
        "#0072b2",
        "#d55e00",
        "#6f6a86",
        "#3b3f8f",
    )
    assert (dark["real"], dark["fake"], dark["inconclusive"], dark["accent"]) == (
        "#56b4e9",
        "#f0884a",
        "#a9a3c2",
        "#a5a9f0",
    )


def test_nothing_is_fetched_from_elsewhere():
    files = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/css/*.css"), *ROOT.glob("static/js/*.js")]
    assert len(files) > 15
    for path in files:
        for address in re.findall(r"(?:src|href|url|action)\s*[=(]\s*[\"']?(https?:)?//", path.read_text()):
            raise AssertionError(f"{path}: {address}")


def test_templates_have_no_inline_scripts_or_styles():
    served = set(ROOT.glob("templates/**/*.html")) - {ROOT / "templates/files/report.html"}  # that is for a disk
    for path in served:
        text = path.read_text()
        assert not re.search(r'<script(?![^>]*\b(?:src=|type="application/json"))', text), path  # JSON is no script
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text), path


def test_lines_of_templates_can_be_read():
    for path in ROOT.glob("templates/**/*.html"):
        name = path.relative_to(ROOT / "templates").as_posix()
        long = [n for n, line in enumerate(path.read_text().splitlines(), 1) if len(line) > 120]
        assert not long, f"{name}: lines {long} have more than 120 characters"


def test_every_icon_that_is_used_is_in_the_sprite():
    sprite = set(re.findall(r'<symbol id="([a-z-]+)"', (ROOT / "static/icons.svg").read_text()))
    used = set()
    for path in ROOT.glob("templates/**/*.html"):
        used |= set(re.findall(r'{% icon "([a-z-]+)"', path.read_text()))
    from classifier.templatetags.verdicts import ICONS

    assert used | set(ICONS.values()) <= sprite and len(used) > 10


@pytest.mark.parametrize("name", ["light", "dark"])
def test_a_button_that_deletes_is_readable_in_a_menu_too(name):
    colours = theme(name)
    assert contrast(colours["danger"], colours["on-danger"]) >= 4.5
    plain = CSS.index(".menu .sheet button {")
    own = re.search(r"\.menu \.sheet button\.btn-danger[^{]*\{([^}]*)\}", CSS)
    assert own.start() > plain and "background: var(--danger)" in own[1] and "color: var(--on-danger)" in own[1]


@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_colour_of_a_warning_is_that_of_its_theme(name):
    own = r"\n\.evidence\.warning" if name == "light" else r'\n\[data-bs-theme="dark"\] \.evidence\.warning'
    [tone] = re.findall(own + r" \{ --tone: (#[0-9a-f]{6}); \}", CSS)
    assert contrast(tone, theme(name)["raised"]) >= 4.5


def test_there_is_a_favicon_for_each_verdict():
    from classifier.templatetags.verdicts import ICONS

    assert all((ROOT / f"static/favicon-{outcome.lower()}.svg").is_file() for outcome in ICONS)


def test_the_page_of_a_server_error_asks_no_database_and_keeps_the_navigation():
    """No `db` here: a query would fail the test."""
    page = render_to_string("500.html")
    assert page.count('class="item"') == 3 and 'href="/history/"' in page and "This is our fault" in page


ADMIN = (ROOT / "static/css/admin.css").read_text()


@pytest.mark.parametrize("kind", ["real", "fake", "unusable"])
def test_the_review_buttons_meet_aa_under_white_words(kind):
    for state in ("", ":hover"):
        colour = re.search(rf"\.keys \.button\.{kind}{state} \{{[^}}]*background: (#[0-9a-f]{{6}})", ADMIN, re.S)
        assert contrast(colour.group(1), "#ffffff") >= 4.5


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_the_administrations_words_of_good_and_bad_meet_aa_in_both_themes(kind):
    light, *dark = re.findall(rf"--{kind}: (#[0-9a-f]{{6}});", ADMIN)
    assert contrast(light, "#fafafc") >= 4.5 and dark and all(contrast(one, "#121218") >= 4.5 for one in dark)


def test_the_administrations_templates_have_no_line_that_nobody_can_review():
    for path in (ROOT / "templates/admin").rglob("*.html"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert len(line) <= 120, f"{path}:{number}"
