"""The commands, as a person types them."""

import io
import json
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from classifier.models import Detector
from tests.pictures import encoded, jpeg, photo
from tests.test_layers import ROOT
from tests.waves import dataset

COMMANDS = ROOT / "classifier/management/commands"


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def folder(tmp_path):
    """REAL/ and FAKE/ with small pictures that a network can learn."""
    pictures = tmp_path / "waves"
    pictures.mkdir()
    for row in dataset(pictures, 80):
        target = tmp_path / "own" / row.label / row.path.rsplit("/", 1)[-1]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((pictures / target.name).read_bytes())
    return tmp_path / "own"


@pytest.mark.keras
def test_import_train_evaluate_promote_classify(eager, folder, tmp_path, db, settings):
    (folder / "REAL" / "broken.jpg").write_bytes(b"x")
    manifest = tmp_path / "manifest.csv"
    out, err = run("import_dataset", str(folder), "--output", str(manifest))
    assert "80 images in" in out and "(1 skipped)" in out and "broken.jpg: it is not an image" in err
    out, _ = run(
        "train", "--manifest", str(manifest), "--architecture", "cnn32", "--name", "mine", "--epochs", "2", "--baseline"
    )
    assert "epoch 2 of 2" in out and "manage.py promote mine" in out
    assert Detector.objects.get(version="mine").card["report"]["baseline"]["auroc"] is not None
    assert (settings.MEDIA_ROOT / "detectors" / "mine" / "roc.svg").is_file()
    out, _ = run(
        "evaluate", "--detector", "mine", "--manifest", str(manifest), "--output", str(tmp_path / "report"), "--tiers"
    )
    assert "| jpeg 50 |" in out and "| web |" in out
    assert "| accuracy |" in out and "| own |" in out
    assert json.loads((tmp_path / "report" / "report.json").read_text())["n"] > 0
    assert "mine is active" in run("promote", "mine")[0]
    assert "* mine" in run("promote")[0]
    out, _ = run("classify", str(folder / "FAKE" / "0.png"), "--format", "json")
    assert json.loads(out)["detector"] == "mine"


def test_the_audit_names_shortcuts_and_fails_on_a_leak(folder, tmp_path):
    from classifier.detector.data import manifest

    run("import_dataset", str(folder), "--output", str(tmp_path / "m.csv"))
    out, _ = run("audit_dataset", "--manifest", str(tmp_path / "m.csv"))
    assert "quality" in out and "No near-duplicate group crosses splits." in out
    rows = manifest.read(tmp_path / "m.csv")
    test, train = (next(row for row in rows if row.split == name) for name in ("test", "train"))
    manifest.write(
        [*rows, manifest.Row(**{**vars(test), "split": "train", "group": test.group}), train], tmp_path / "m.csv"
    )
    with pytest.raises(CommandError, match="1 near-duplicate groups cross splits"):
        run("audit_dataset", "--manifest", str(tmp_path / "m.csv"))


@pytest.mark.keras
def test_a_name_is_used_once(eager, folder, tmp_path, db):
    run("import_dataset", str(folder), "--output", str(tmp_path / "m.csv"))
    arguments = (
        "train",
        "--manifest",
        str(tmp_path / "m.csv"),
        "--architecture",
        "cnn32",
        "--name",
        "mine",
        "--epochs",
        "1",
    )
    run(*arguments)
    with pytest.raises(CommandError, match="exists already"):
        run(*arguments)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("import_dataset", "/nowhere"), "not a folder"),
        (("train", "--manifest", "/nowhere/m.csv"), "import_dataset"),
        (("train", "--architecture", "vit", "--manifest", "/nowhere/m.csv"), "import_dataset"),
        (("evaluate", "--detector", "nobody"), "'nobody'"),
        (("promote", "nobody"), "'nobody'"),
        (("classify", "x.jpg", "--detector", "nobody"), "'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(db, arguments, expected):
    with pytest.raises(CommandError, match=expected):
        run(*arguments)


@pytest.mark.keras
def test_classify_prints_the_promised_json(tmp_path, db):
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    (tmp_path / "b.png").write_bytes(encoded(photo(seed=2), "PNG"))
    (tmp_path / "bad.jpg").write_bytes(b"text")
    out, _ = run("classify", str(tmp_path), str(tmp_path / "missing.jpg"), "--format", "json")
    a, b, bad, missing = (json.loads(line) for line in out.splitlines())
    for result, name in ((a, "a.jpg"), (b, "b.png")):
        assert set(result) == {"path", "verdict", "score", "detector", "milliseconds", "decided_by", "evidence"}
        assert result["path"] == str(tmp_path / name)
        assert result["verdict"] in ("REAL", "FAKE", "INCONCLUSIVE")
        assert 0 <= result["score"] <= 1 and result["milliseconds"] > 0
    assert set(bad) == set(missing) == {"path", "error"}
    assert "not an image" in bad["error"] and "No such file" in missing["error"]


@pytest.mark.keras
def test_classify_reads_paths_from_standard_input(tmp_path, db, monkeypatch):
    (tmp_path / "a b.jpg").write_bytes(jpeg(1))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{tmp_path}/a b.jpg\n\n"))
    out, _ = run("classify", "-", "--format", "json")
    assert json.loads(out)["path"] == f"{tmp_path}/a b.jpg"


@pytest.mark.keras
def test_classify_fails_only_when_nothing_could_be_read(tmp_path, db):
    (tmp_path / "bad.jpg").write_bytes(b"text")
    with pytest.raises(SystemExit) as stopped:
        run("classify", str(tmp_path / "bad.jpg"))
    assert stopped.value.code == 1


@pytest.mark.keras
def test_the_command_and_the_site_give_one_file_the_same_score(analysed, tmp_path):
    (tmp_path / "same.jpg").write_bytes(jpeg())
    out, _ = run("classify", str(tmp_path / "same.jpg"), "--format", "json")
    assert json.loads(out)["score"] == pytest.approx(analysed.verdict.score, abs=1e-5)


def test_plain_lines_of_progress_elsewhere_than_on_a_terminal():
    from classifier.management.progress import counter

    stream = io.StringIO()
    say = counter("Reading", stream, every=0)
    say(1, 2)
    say(2, 2)
    assert stream.getvalue().splitlines()[-1].startswith("Reading: 2 of 2")


@pytest.mark.parametrize("name", sorted(path.stem for path in COMMANDS.glob("[a-z]*.py")))
def test_every_help_text_shows_an_example(name):
    from django.core.management import load_command_class

    assert f"manage.py {name}" in load_command_class("classifier", name).help


def test_inspect_prints_the_promised_json_and_a_table(tmp_path):
    from tests.provenance import files

    (tmp_path / "a.png").write_bytes(files.png(parameters=files.SETTINGS))
    (tmp_path / "b.jpg").write_bytes(jpeg(1))
    (tmp_path / "text.jpg").write_bytes(b"not a picture")
    out, _ = run("inspect", str(tmp_path), str(tmp_path / "missing.jpg"), "--format", "json")
    a, b, text, missing = (json.loads(line) for line in out.splitlines())
    assert set(a) == {"path", "evidence", "decides"} and a["decides"] == "FAKE" and b["decides"] is None
    assert set(a["evidence"][0]) == {"kind", "strength", "direction", "summary", "details"}
    assert text["evidence"] == [] and set(missing) == {"path", "error"}
    table, _ = run("inspect", str(tmp_path / "a.png"))
    assert "a.png: FAKE" in table and "declares  generator AI" in table
    with pytest.raises(SystemExit):
        run("inspect", str(tmp_path / "missing.jpg"))


@pytest.mark.keras
def test_classify_says_what_decided(tmp_path, db):
    from tests.provenance import files

    (tmp_path / "a.png").write_bytes(files.png(image=photo(120, 100), parameters=files.SETTINGS))
    out, _ = run("classify", str(tmp_path / "a.png"), "--format", "json")
    found = json.loads(out)
    assert (found["verdict"], found["decided_by"]) == ("FAKE", "generator") and 0 < found["score"] < 1
    assert found["evidence"][0]["details"]["generator"] == "AUTOMATIC1111"
    assert "(decided by generator)" in run("classify", str(tmp_path / "a.png"))[0]


@pytest.mark.keras
def test_a_plain_folder_of_thumbnails_trains_without_any_manifest(eager, tmp_path, db, settings):
    for number in range(60):
        label = ("REAL", "FAKE")[number % 2]
        (tmp_path / "in" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / label / f"{number}.png").write_bytes(encoded(photo(32, 32, seed=number), "PNG"))
    (tmp_path / "in" / "REAL" / "bad.jpg").write_bytes(b"no picture")
    out, err = run("train", str(tmp_path / "in"), "--name", "tiny", "--epochs", "1", "--batch", "8")
    assert "tiny is trained" in out and "skipped" in err and "bad.jpg" in err
    card = json.loads((settings.MEDIA_ROOT / "detectors" / "tiny" / "bundle.json").read_text())
    assert card["architecture"] == "thumbnail" and sum(card["training"]["images"].values()) == 60
    assert (settings.MEDIA_ROOT / "detectors" / "tiny" / "manifest.csv").is_file()
    with pytest.raises(CommandError, match="exists already"):
        run("train", str(tmp_path / "in"), "--name", "tiny")


@pytest.mark.keras
@pytest.mark.parametrize(
    ("labels", "message"), [([], "is not a folder"), (["REAL"], "no FAKE"), (["OTHER"], "named REAL and FAKE")]
)
def test_a_folder_that_cannot_be_trained_on_is_explained(tmp_path, db, labels, message):
    for label in labels:
        (tmp_path / "in" / label).mkdir(parents=True)
        (tmp_path / "in" / label / "a.png").write_bytes(encoded(photo(32, 32), "PNG"))
    with pytest.raises(CommandError, match=message):
        run("train", str(tmp_path / "in"), "--name", "none")


@pytest.mark.keras
@pytest.mark.parametrize(("sides", "wanted"), [([32] * 9 + [900], "thumbnail"), ([640, 32, 900], "vit"), ([0], "vit")])
def test_the_architecture_suits_the_size_of_the_pictures(sides, wanted):
    from classifier.detector.networks.architectures import suited

    assert suited(sides) == wanted


@pytest.mark.keras
def test_what_is_fitted_in_closed_form_begins_from_what_is_shipped_unless_told_otherwise(tmp_path):
    from classifier.detector.data import manifest
    from classifier.detector.training.batches import Config
    from classifier.worker import candidates

    manifest.write([manifest.Row("a.jpg", "REAL", "x", width=640, height=480)], tmp_path / "m.csv")

    def configured(architecture, start=""):
        return candidates.configured(tmp_path / "m.csv", Config(architecture, "mine", start=start, epochs=3))

    config = configured("")
    assert config.architecture == "vit" and config.start.endswith("shipped/encoders/clip-vit-b16-8.npz")
    config = configured("fusion")
    assert config.start.endswith("model.keras") and "fusion-" in config.start
    assert configured("", start="a.tflite").start == "a.tflite"
    assert configured("patch").start == ""


@pytest.mark.keras
def test_native_libraries_notes_go_to_a_log_and_messages_to_the_person(tmp_path):
    picture = tmp_path / "a.jpg"
    picture.write_bytes(jpeg(1))
    env = {
        **os.environ,
        "MEDIA_ROOT": str(tmp_path / "media"),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'none.sqlite3'}",
    }
    command = [sys.executable, "manage.py", "classify", "--quick", str(picture)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert not done.stderr
    assert "oneDNN" in (tmp_path / "media" / "native.log").read_text()
    command = [*command[:-2], "--detector", "nowhere", str(picture)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nowhere" in done.stderr
