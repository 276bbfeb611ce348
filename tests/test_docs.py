"""The README is complete: a setting, make target or command that it doesn't mention fails here."""

import re
import subprocess
import sys

from tests.test_layers import ROOT

README = (ROOT / "README.md").read_text()


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


def test_every_setting_is_in_the_readmes_table_and_in_the_example_file():
    names = settings_read()
    assert {"MAX_UPLOAD_MB", "PORT", "ADMIN_EMAIL", "WEB_WORKERS"} <= names
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", README, re.M))
    example = set(re.findall(r"^# ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert table == names
    assert example == names


def test_every_make_target_is_in_the_readme():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert {"run", "test", "bench"} <= set(targets)
    for target in targets:
        assert f"`make {target}`" in README or f"make {target}\n" in README, target


def test_every_command_is_in_the_readme():
    for path in (ROOT / "classifier/management/commands").glob("[a-z]*.py"):
        assert f"manage.py {path.stem}" in README, path.stem


def test_every_place_that_the_readme_names_exists():
    block = README.split("## Where things are", 1)[1].split("```")[1]
    places = [line.split()[0] for line in block.strip().splitlines()]
    assert len(places) > 20
    folder = ""
    for line in block.strip("\n").splitlines():
        name = line.split()[0]
        inside = line.startswith("  ")
        folder = folder if inside else name
        assert (ROOT / (folder + name if inside else name)).exists(), name


def test_the_figures_of_the_readme_are_those_of_the_shipped_bundle():
    import json

    card = json.loads(next((ROOT / "classifier/shipped").glob("*/bundle.json")).read_text())
    report = card["report"]
    assert card["version"] in README
    others = report["baselines"]
    rows = {
        "headline: AUROC": ("headline", "auroc"),
        "headline: balanced accuracy": ("headline", "balanced_accuracy"),
    }
    for title, (plan, name) in rows.items():
        row = next(line for line in README.splitlines() if line.startswith(f"| {title} |"))
        assert f"{report[plan]['mean'][name]:.3f}" in row
        assert all(f"{others[other][plan][name]:.3f}" in row for other in ("cnn32", "trivial features"))
    for name in ("accuracy", "precision", "recall", "balanced_accuracy", "auroc"):
        row = next(
            line for line in README.splitlines() if line.startswith(f"| all sources: {name.replace('_', ' ')} |")
        )
        assert f"{report['overall'][name]:.3f}" in row
    assert all(f"{others[other]['sources']['auroc']:.3f}" in README for other in ("cnn32", "trivial features"))


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


def test_the_readme_tells_the_rules_of_decision():
    from classifier.provenance.rules import RULES

    block = README.split("| evidence | verdict |", 1)[1].split("\n\n")[0]
    assert [row.rsplit("|", 2)[1].strip() for row in block.strip().splitlines()[1:]] == [rule[3] for rule in RULES]


def test_the_readme_names_every_key_of_a_report():
    from classifier.results.report import SCHEMA

    assert SCHEMA in README
    for key in ("decided_by", "model_sha256", "experience", "stability", "previous", "limits"):
        assert key in README
