"""crossvalidate, attack, explain and the hunt for wrong labels, as a person types them, on pictures made here."""

import dataclasses
import json

import pytest
from django.core.management import CommandError
from PIL import Image

from classifier.detector.data import manifest
from classifier.detector.serving import bundle
from classifier.models import Detector
from classifier.worker import crossvalidation
from tests.pictures import photo
from tests.test_commands import run
from tests.waves import dataset

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("small_fusion")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Six two-class sources of twenty images a class, in a manifest."""
    folder = tmp_path_factory.mktemp("sources")
    rows = [
        dataclasses.replace(row, source=f"s{index // 40}", split="train")
        for index, row in enumerate(dataset(folder, 240))
    ]
    manifest.write(rows, folder / "manifest.csv")
    return folder


@pytest.fixture
def validated(made, db, settings, monkeypatch):
    few = {name: crossvalidation.TIERS[name] for name in ("clean", "web", "jpeg 50")}  # each costs a fit a fold
    monkeypatch.setattr(crossvalidation, "TIERS", few)
    settings.MEDIA_ROOT = made / "media"
    Detector.objects.filter(version="held").delete()
    options = ("--manifest", str(made / "manifest.csv"), "--architecture", "fusion", "--output", str(made / "held"))
    if not (made / "media/detectors/held").exists():
        out, _ = run("crossvalidate", *options, "--name", "held", "--tiers")
        (made / "printed.md").write_text(out)
    else:
        from classifier.registry import detectors

        detectors.register(made / "media/detectors/held")
    return made, options


def test_a_detector_trained_on_everything_carries_held_out_figures(validated):
    made, options = validated
    text, card = (made / "printed.md").read_text(), bundle.read_card(made / "media/detectors/held")
    for wanted in ("Headline", "trivial features", "| s5 |", "web", "training sources", "Reliability"):
        assert wanted in text
    assert card.training["images"] == {"train": 240, "validation": 0, "test": 0}
    assert card.report["n"] == 240 and len(card.report["headline"]["folds"]) == 6
    assert sum(row["n"] for row in card.reliability) == 240
    assert card.report["headline"]["mean"]["auroc"] > 0.8
    assert [entry["sources"] for entry in card.report["history"]][-1] == 4
    names = {path.name for path in (made / "media/detectors/held").iterdir()}
    plots = {"accuracy.svg", "loss.svg", "roc.svg", "confusion.svg"}
    assert names == {"model.keras", "bundle.json", "report.md", "MODEL_CARD.md"} | plots
    with pytest.raises(CommandError, match="exists already"):
        run("crossvalidate", *options, "--name", "held")


def test_the_registered_detector_scores_files(validated):
    made, _ = validated
    rows = manifest.read(made / "manifest.csv")
    out, _ = run("classify", rows[0].path, rows[1].path, "--detector", "held", "--format", "json")
    fake, real = (json.loads(line)["score"] for line in out.splitlines())
    assert fake < real


def test_evaluate_warns_when_sources_were_trained_on(validated):
    made, _ = validated
    _, err = run("evaluate", "--detector", "held", "--manifest", str(made / "manifest.csv"), "--split", "all")
    assert "trained on, so their figures flatter: s0, s1" in err


def test_attacks_are_reported_and_saved_with_the_model_card(validated):
    made, _ = validated
    options = ("--detector", "held", "--manifest", str(made / "manifest.csv"), "--images", "12", "--save")
    report = json.loads(run("attack", *options)[0])
    assert report["attacks"][0]["attack"] == "FGSM 2/255"
    assert "PGD 8/255" in (made / "media/detectors/held/MODEL_CARD.md").read_text()
    card = bundle.read_card(made / "media/detectors/held")
    assert card.report["attacks"] == report and card.largest_jump == report["limit"]
    assert bundle.load(made / "media/detectors/held").card.largest_jump == report["limit"]


def test_a_contact_sheet_shows_labels_that_held_out_scores_contradict(validated, tmp_path):
    made, _ = validated
    rows = manifest.read(made / "manifest.csv")
    swapped = [dataclasses.replace(rows[0], label="REAL"), *rows[1:]]
    manifest.write(swapped, tmp_path / "m.csv")
    sheet = tmp_path / "sheet.jpg"
    out, _ = run(
        "audit_dataset", "--manifest", str(tmp_path / "m.csv"), "--held-out", str(made / "held"), "--sheet", str(sheet)
    )
    assert "labels that held-out scores contradict most" in out
    with Image.open(sheet) as image:
        assert image.width == 8 * 160
    with pytest.raises(CommandError, match="expected held-out scores"):
        run("audit_dataset", "--manifest", str(tmp_path / "m.csv"), "--held-out", str(tmp_path))


def test_one_source_is_cross_validated_inside_itself_with_the_features_at_hand(validated):
    _, options = validated
    out, err = run("crossvalidate", *options, "--within", "s1")
    assert "fusion inside s1" in out and "n = 40 (20 real, 20 AI)" in out and "Looking" not in err


def test_explain_draws_heat_over_the_picture(tmp_path, db):
    photo(300, 200).save(tmp_path / "a.jpg")
    out, _ = run("explain", str(tmp_path / "a.jpg"), str(tmp_path / "heat.png"))
    assert "not proof" in out
    with Image.open(tmp_path / "heat.png") as image:
        assert (image.size, image.format, image.mode) == ((300, 200), "PNG", "RGB")
    (tmp_path / "b.jpg").write_bytes(b"x")
    with pytest.raises(CommandError, match="not an image"):
        run("explain", str(tmp_path / "b.jpg"), str(tmp_path / "heat.png"))


def test_only_joint_architectures_are_registered_by_cross_validation(made, db):
    with pytest.raises(CommandError, match="need a joint architecture"):
        run("crossvalidate", "--manifest", str(made / "manifest.csv"), "--architecture", "cnn32", "--output", "x",
            "--name", "y")  # fmt: skip
