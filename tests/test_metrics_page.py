"""The metrics page shows the active detector's own measured figures, and what they don't mean."""

import re

import pytest

from classifier.models import Detector
from tests.responses import squeezed


def test_the_three_figures_of_the_original_project_and_the_sources(as_alice, detector):
    page = squeezed(as_alice.get("/metrics/"))
    report = detector.card["report"]
    for name in ("accuracy", "precision", "recall"):
        assert f"{round(report['overall'][name] * 100)}%" in page
    for source in report["sources"]:
        assert source["source"] in page
    assert "50% would be a coin toss" in page and detector.version in page
    assert "does not say how likely a single verdict is right" in page
    for name, baseline in report["baselines"].items():
        assert name in page and f"<td>{baseline['headline']['auroc']:.2f}</td>" in page
    assert f"<td>{report['headline']['mean']['auroc']:.2f} " in page
    assert "What it must not be used for" in page and "Where it fails" in page


def test_the_tiers_are_shown(as_alice, detector):
    page = as_alice.get("/metrics/").content.decode()
    for name, tier in detector.card["report"]["tiers"].items():
        assert f'<th scope="row">{name}</th><td>{tier["auroc"]:.2f}</td>' in page
    assert {"web", "hard"} <= set(detector.card["report"]["tiers"])


def test_kinds_of_photographs_and_generators_are_shown_with_what_they_were_called(as_alice, detector):
    kinds = [{"photographs": "phone / fruit", "n": 49, "called_fake": 0.02, "interval": [0, 0.1], "called_real": 0.9}]
    shares = {"n": 40, "found": 0.9, "interval": [0.8, 0.95], "called_fake": 0.65, "called_real": 0.05}
    made = [{"generator": "pairs / gpt-image", **shares}, {"generator": "tiny", **shares, "n": 9}]
    card = {**detector.card, "report": {**detector.card["report"], "photographs": kinds, "generators": made}}
    Detector.objects.update(card=card)
    page = " ".join(as_alice.get("/metrics/").content.decode().split())
    row = '<th scope="row">{}</th><td>{}</td><td>{}</td> <td>{}</td><td>{}</td>'
    assert row.format("phone / fruit", 49, "2%", "8%", "90%") in page
    assert row.format("pairs / gpt-image", 40, "65%", "30%", "5%") in page
    assert "tiny" not in page


def test_attacks_are_shown(as_alice, detector):
    page = as_alice.get("/metrics/").content.decode()
    attacks = detector.card["report"]["attacks"]["attacks"]
    assert [row["attack"] for row in attacks] == ["FGSM 2/255", "FGSM 8/255", "PGD 2/255", "PGD 8/255"]
    for row in attacks:
        assert f'<th scope="row">{row["attack"]}</th><td>{row["n"]}</td>' in page


def test_the_plots_are_drawn_into_the_page_with_a_text_each(as_alice, detector):
    page = as_alice.get("/metrics/").content.decode()
    drawn = re.findall(r'<svg class="curve[^>]* aria-label="([^"]+)"', page)
    assert [label.split()[0] for label in drawn] == ["loss", "accuracy", "Confusion", "ROC"]
    assert f"area {detector.card['report']['overall']['auroc']:.2f}" in drawn[3]
    assert "css/plots.css" in page and "style=" not in page


def test_what_a_report_has_no_figures_for_is_not_drawn(as_alice, detector):
    report = {key: value for key, value in detector.card["report"].items() if key not in ("history", "roc")}
    Detector.objects.update(card={**detector.card, "report": report})
    page = as_alice.get("/metrics/").content.decode()
    assert page.count('<svg class="curve') == 1 and 'aria-label="Confusion matrix' in page


def test_the_shipped_bundle_is_complete_and_honest(detector):
    folder = detector.folder
    assert folder.name == detector.version and detector.shipped
    report = detector.card["report"]
    assert sum(row["real"] + row["fake"] for row in report["sources"]) == report["n"]
    assert sum(row["n"] for row in detector.card["reliability"]) == report["n"]
    assert {"cnn32", "trivial features"} == set(report["baselines"])
    assert 0.5 < report["headline"]["mean"]["auroc"] < 1 and len(report["headline"]["folds"]) == 7
    text = (folder / "MODEL_CARD.md").read_text()
    for wanted in ("It must not be used", "Known failures", "Headline", str(report["overall"]["auroc"]), "PGD 8/255"):
        assert wanted in text
    assert sum(path.stat().st_size for path in folder.iterdir()) < 30e6


@pytest.mark.keras
def test_the_thorough_bundle_is_complete_and_honest(settings):
    from classifier.detector.networks import encoder_file
    from classifier.detector.serving import bundle
    from classifier.registry import detectors

    folder = detectors.shipped_folder("thorough")
    card = bundle.read_card(folder)
    report = card.report
    assert sum(row["real"] + row["fake"] for row in report["sources"]) == report["n"]
    assert sum(row["n"] for row in card.reliability) == report["n"]
    assert "trivial features" in report["baselines"] and {"clean", "web", "hard"} == set(report["tiers"])
    assert 0.5 < report["headline"]["mean"]["auroc"] < 1 and len(report["headline"]["folds"]) == 15
    text = (folder / "MODEL_CARD.md").read_text()
    for wanted in ("It must not be used", "Known failures", "Headline", str(report["overall"]["auroc"])):
        assert wanted in text
    encoder = encoder_file.find(bundle.encoder_folders(folder), card.encoder)
    assert encoder.stat().st_size + sum(path.stat().st_size for path in folder.iterdir()) < 75e6


def test_another_shipped_version_replaces_the_shipped_one_but_never_a_promoted_one(db, settings, tmp_path):
    import json
    import shutil

    from classifier.registry import detectors

    first = detectors.active()
    shutil.copytree(first.folder, tmp_path / "shipped" / "next")
    card = tmp_path / "shipped" / "next" / "bundle.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "version": "next"}))
    settings.SHIPPED_DETECTORS = tmp_path / "shipped"
    assert detectors.install_shipped().version == "next" == detectors.active().version
    own = Detector.objects.create(version="own", architecture="cnn32", sha256="0" * 64)
    detectors.switch_to(own)
    assert detectors.install_shipped() == own == detectors.active()


def test_everybody_may_read_it_and_three_sentences_come_first(client, detector):
    page = client.get("/metrics/").content.decode()
    figures = detector.card["report"]["headline"]["decided"]
    first, rest = page.split("For experts")
    wrong = round(100 * figures["real_called_fake"])
    assert f"Of 100 real photographs, about {wrong} are wrongly called AI-generated." in first
    assert first.count("<li>Of 100") == 3 and "AUROC" not in first and "AUROC" in rest
    assert 'href="/metrics/"' in client.get("/").content.decode()


def test_a_report_without_those_figures_has_no_such_sentences(client, detector):
    report = {key: value for key, value in detector.card["report"].items() if key != "headline"}
    Detector.objects.update(card={**detector.card, "report": report})
    assert "Of 100 real photographs, about" in client.get("/metrics/").content.decode()
    Detector.objects.update(card={**detector.card, "report": {**report, "decided": {"share": 0.5, "accuracy": 0.6}}})
    page = client.get("/metrics/")
    assert page.status_code == 200 and "In plain words" not in page.content.decode()


def test_two_pictures_of_a_hundred_dots_say_the_same_as_the_sentences(client, detector):
    figures = detector.card["report"]["headline"]["decided"]
    first = squeezed(client.get("/metrics/")).split("For experts")[0]
    assert first.count('<svg class="hundred" ') == 2 and "Of 100 AI-generated pictures" in first
    for kind, other, key in (("REAL", "FAKE", "real_called_fake"), ("FAKE", "REAL", "fake_called_real")):
        drawn = first.split('<svg class="hundred" ')[1 if kind == "REAL" else 2].split("</svg>")[0]
        assert drawn.count(f'class="part {other} wrong"') == round(100 * figures[key])
        assert drawn.count('class="part') == 100


def test_wide_tables_scroll_and_can_be_reached_by_keyboard(client, detector):
    page = squeezed(client.get("/metrics/"))
    assert page.count("<table") == page.count('<div class="scroll" tabindex="0" role="region" aria-label="') > 3
