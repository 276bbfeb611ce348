"""README and docs/ are held to the code: a setting, make target, command or place that they don't mention fails here,
and so does a figure that the shipped detector's card doesn't have."""

import json
import re
import subprocess
import sys
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.test_layers import ROOT

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]
COMMANDS = sorted(path.stem for path in (ROOT / "classifier/management/commands").glob("[a-z]*.py"))


def page(name):
    return (ROOT / name).read_text(encoding="utf-8")


def row(text, title):
    """The cells of the first row of a table that begins so."""
    line = next((line for line in text.splitlines() if line.startswith(f"| {title} |")), "")
    assert line, f"no row {title!r}"
    return [cell.strip() for cell in line.strip("|").split(" |")]


def settings_read():
    """Names of every variable that settings, launcher and commands ask for."""
    code = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE']='aidetect.settings'; import django; django.setup(); "
        "from aidetect import env; print(*env.NAMES)"
    )
    names = set(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split())
    for path in [*(ROOT / "aidetect").glob("*.py"), *(ROOT / "classifier").rglob("*.py")]:
        pattern = r"env\.(?:text|words|boolean|number|integer|choice|some_of|read)\(\s*\"([A-Z_]+)\""
        names |= set(re.findall(pattern, path.read_text()))
    return names


def test_every_setting_is_in_the_table_and_in_the_example_file():
    names = settings_read()
    assert {"MAX_UPLOAD_MB", "PORT", "ADMIN_EMAIL", "WEB_WORKERS"} <= names
    table = re.findall(r"^\| `([A-Z_]+)` \|", page("docs/settings.md"), re.M)
    example = re.findall(r"^# ?([A-Z_]+)=", page(".env.example"), re.M)
    assert sorted(table) == sorted(names)
    assert sorted(example) == sorted(names)


def test_numbers_in_the_settings_table_and_in_the_example_file_are_the_defaults():
    pattern = r"env\.(?:number|integer)\(\s*\"([A-Z_]+)\",\s*([0-9.]+)"
    defaults = dict(re.findall(pattern, page("aidetect/settings.py")))
    example = dict(re.findall(r"^# ?([A-Z_]+)=(.*)$", page(".env.example"), re.M))
    assert defaults["MAX_UPLOAD_MB"] == "100"
    for name, default in defaults.items():
        assert example[name] == default, name
        assert row(page("docs/settings.md"), f"`{name}`")[1].split(":")[0] == default, name


def test_every_make_target_is_documented():
    targets = re.findall(r"^([a-z-]+):", page("Makefile"), re.M)
    assert {"run", "test", "bench"} <= set(targets)
    for target in targets:
        assert row(page("docs/commands.md"), f"`make {target}`")[1], target


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_an_example(name):
    commands = page("docs/commands.md")
    line = next((line for line in commands.splitlines() if line.startswith(f"| `manage.py {name}")), "")
    assert re.search(rf"\| `manage\.py {name}\b[^`]*` \|$", line), f"no row with an example: {line!r}"


@pytest.mark.parametrize("name", PAGES)
def test_every_command_and_option_that_is_written_down_exists(name):
    from django.core.management import load_command_class

    for command, rest in re.findall(r"manage\.py ([a-z_]+)((?:[^`\n]|\\\n)*)", page(name)):
        if command in ("migrate",):
            continue
        assert command in COMMANDS, command
        known = load_command_class("classifier", command).create_parser("manage.py", command)._option_string_actions
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= set(known), f"{command} {rest}"


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)#]+)", page(name)):
        if not target.startswith("https://"):
            assert (ROOT / name).parent.joinpath(target).exists(), target


def test_every_page_is_linked_from_the_readme():
    for name in PAGES[1:]:
        assert f"({name})" in page("README.md"), name


def test_the_readme_is_short():
    assert len(page("README.md").encode()) <= 7000


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_in_plain_english(name):
    text = page(name)
    for phrase in ("judged anew", "of before", "for want of", r"\d %"):
        assert not re.search(phrase, text), phrase


def test_there_is_one_spelling_of_email():
    files = [
        *(ROOT / "classifier").rglob("*.py"),
        *(ROOT / "aidetect").rglob("*.py"),
        *(ROOT / "templates").rglob("*.html"),
    ]
    files += [ROOT / name for name in PAGES]
    said = {path.name for path in files if re.search(r"e-mail(?! protection)", path.read_text(encoding="utf-8"), re.I)}
    assert said == set()


ATTRIBUTES = {"aidetect.health", "detector.networks", "detector.see", "limits.whole", "model.predict", "patch.kernel"}
"""What docstrings name with a dot and is no module's."""


def test_docstrings_name_modules_and_functions_that_exist():
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "classifier").rglob("*.py")}
    for path, text in sources.items():
        for module, name in re.findall(r"`([a-z_]+)\.(?!(?:md|json|csv|npy|css|html|keras)`)([a-z_]+)`", text):
            there = [source for other, source in sources.items() if module in (other.stem, other.parent.name)]
            defined = any(re.search(rf"^(?:def |class )?{name}\b", source, re.M) for source in there)
            inside = any(other.stem == name and other.parent.name == module for other in sources)
            assert defined or inside or f"{module}.{name}" in ATTRIBUTES, f"{path}: {module}.{name}"


def test_every_place_of_the_tree_exists():
    block = page("docs/architecture.md").split("## Where things are", 1)[1].split("```")[1]
    places = [line.split()[0] for line in block.strip().splitlines()]
    assert len(places) > 20
    folder = ""
    for line in block.strip("\n").splitlines():
        name = line.split()[0]
        inside = line.startswith("  ")
        folder = folder if inside else name
        assert (ROOT / (folder + name if inside else name)).exists(), name


def test_every_room_stands_in_the_tree():
    tree = page("docs/architecture.md").split("## Where things are", 1)[1].split("```")[1]
    for room, prefix in (("classifier", ""), ("classifier/detector", "detector/")):
        for path in (ROOT / room).iterdir():
            if (path / "__init__.py").is_file() and path.name not in ("migrations", "management"):
                assert f"\n  {prefix}{path.name}/ " in tree, path.name


def test_every_function_and_module_that_the_paths_name_exists():
    paths = page("docs/architecture.md").split("## The path of one image", 1)[1].split("## Where this differs", 1)[0]
    named = re.findall(r"`((?:views|intake|worker|learning|registry|detector|wakeups)\.[a-z_.]+)`", paths)
    assert len(named) > 10
    for name in named:
        place, _, last = ("classifier." + name).replace(".", "/").rpartition("/")
        module = ROOT / f"{place}.py"
        defined = module.is_file() and re.search(rf"^def {last}\(", page(f"{place}.py"), re.M)
        assert defined or (ROOT / place / f"{last}.py").is_file(), name


def shipped_card():
    version = json.loads(page("classifier/shipped/choices.json"))["thorough"]
    return json.loads(page(f"classifier/shipped/{version}/bundle.json"))


def rounded(figure, places=3):
    """A half goes up, as people round; the card's figures have four places."""
    return str(Decimal(str(figure)).quantize(Decimal(10) ** -places, ROUND_HALF_UP))


def with_interval(figures, intervals, name):
    low, high = (rounded(end) for end in intervals[name])
    return f"{rounded(figures[name])} ({low}–{high})"


def percent(share, places=0):
    return rounded(Decimal(str(share)) * 100, places) + "%"


@pytest.mark.parametrize("name", ["README.md", "docs/detector.md"])
def test_the_headline_is_that_of_the_shipped_detector(name):
    card, text = shipped_card(), page(name)
    headline, baseline = card["report"]["headline"], card["report"]["baselines"]["trivial features"]["headline"]
    assert f"`{card['version']}`" in text
    assert f"{len(headline['folds'])}" in text
    for title, key in (("headline: AUROC", "auroc"), ("headline: balanced accuracy", "balanced_accuracy")):
        cells = row(text, title)
        assert cells[1] == with_interval(headline["mean"], headline["intervals"], key)
        assert cells[2] == rounded(baseline[key])


def test_the_readme_says_how_often_the_headline_is_decided_and_how_often_real_photographs_are_accused():
    headline, text = shipped_card()["report"]["headline"], page("README.md")
    decided = headline["decided"]
    cells = row(text, "headline: decided, and right when decided")
    assert cells[1] == f"{percent(decided['share'])}, {percent(decided['accuracy'])}"
    assert percent(decided["real_called_fake"], 1) in text


def test_the_figures_over_all_sources_are_those_of_the_shipped_detector():
    report, text = shipped_card()["report"], page("docs/detector.md")
    for name in ("accuracy", "precision", "recall", "balanced_accuracy", "auroc"):
        title = f"all sources: {name.replace('_', ' ').replace('auroc', 'AUROC')}"
        assert row(text, title)[1] == with_interval(report["overall"], report["intervals"], name)
    assert f"{report['n']:,} images, {report['counts']['REAL']:,}" in text
    assert f"**All {len(report['sources'])} sources**" in text
    assert rounded(report["baselines"]["trivial features"]["sources"]["auroc"]) in text
    assert f"calibration error is {rounded(report['calibration_error'])}" in text


def test_the_verdicts_and_the_degraded_copies_are_those_of_the_shipped_detector():
    report, text = shipped_card()["report"], page("docs/detector.md")
    for title, decided in (("headline", report["headline"]["decided"]), ("all sources", report["decided"])):
        accused = percent(decided["real_called_fake"], 1)
        assert row(text, title)[1:] == [percent(decided["share"]), percent(decided["accuracy"]), accused]
    worst = max((source for source in report["sources"] if source["real"]), key=lambda one: one["real_called_fake"])
    cells = row(text, f"worst source, `{worst['source']}` (portraits, n = {worst['real']})")
    assert cells[-1] == percent(worst["real_called_fake"])
    assert percent(worst["real_called_fake"]) in page("README.md")
    for tier, title in (("clean", "clean"), ("web", "web: 768"), ("hard", "hard: 512")):
        line = next(line for line in text.splitlines() if line.startswith(f"| {title}"))
        assert f"| {rounded(report['tiers'][tier]['balanced_accuracy'])} |" in line


def test_pinned_requirements():
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                assert "==" in line, line
    required = (ROOT / "requirements.txt").read_text()
    for package in (
        "django",
        "tensorflow",
        "pillow",
        "numpy",
        "celery",
        "redis",
        "django-crispy-forms",
        "pytest-django",
    ):
        assert re.search(rf"^{package}==", required, re.M), package


def test_the_rules_of_decision_are_documented():
    from classifier.provenance.rules import RULES

    block = page("docs/evidence.md").split("| evidence | verdict |", 1)[1].split("\n\n")[0]
    assert [line.rsplit("|", 2)[1].strip() for line in block.strip().splitlines()[1:]] == [rule[3] for rule in RULES]


def test_every_key_of_a_report_is_documented():
    from classifier.results.report import SCHEMA

    assert SCHEMA in page("docs/evidence.md")
    for key in ("decided_by", "model_sha256", "experience", "stability", "previous", "limits"):
        assert f"`{key}`" in page("docs/evidence.md")


def test_every_problem_of_the_interface_is_documented():
    from classifier.api.problems import TITLES

    table = page("docs/api.md").split("| type | status |", 1)[1].split("\n\n")[0]
    listed = [code for line in table.splitlines()[2:] for code in re.findall(r"`([a-z-]+)`", line.split("|")[1])]
    assert sorted(listed) == sorted(TITLES)


def test_every_call_of_the_interface_is_documented():
    from classifier.api.endpoints import api

    table = page("docs/api.md").split("## Calls", 1)[1].split("\n\n")[1]
    for path in api.get_openapi_schema()["paths"]:
        words = path.removeprefix("/api/v1/").replace("{uuid}", "UUID")
        assert words in table or words.rpartition("/")[2] in table, path
