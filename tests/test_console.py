"""The command `aidetect`, as a program of its own: no server, no database."""

import csv
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import tomllib

import pytest
from PIL.PngImagePlugin import PngInfo

from classifier.results import file_report
from classifier.results.file_report import COLUMNS, FileRow
from tests.pictures import encoded, jpeg, photo
from tests.test_layers import ROOT

ROW = FileRow("=a.jpg", "FAKE", 0.25, "network", "v1", 10, "It says; so", "")


def environment(tmp_path):
    kept = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "MEDIA_ROOT", "SECRET_KEY")}
    return {**kept, "PYTHONPATH": str(ROOT), "DATA_DIR": str(tmp_path / "data")}


def aidetect(tmp_path, *arguments):
    command = [sys.executable, "-m", "aidetect.console", *map(str, arguments)]
    return subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=300
    )


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def holiday(tmp_path):
    """Three pictures, one of them declared, one broken, in two folders; and a text."""
    (tmp_path / "holiday/inner").mkdir(parents=True)
    (tmp_path / "holiday/one.jpg").write_bytes(jpeg(1, 320, 240))
    (tmp_path / "holiday/broken.png").write_bytes(b"no picture")
    (tmp_path / "holiday/notes.txt").write_text("no picture, and none was meant")
    told = PngInfo()
    told.add_text(
        "parameters", "a castle\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: sd_xl"
    )
    (tmp_path / "holiday/inner/made.png").write_bytes(encoded(photo(seed=2), "PNG", pnginfo=told))
    return tmp_path / "holiday"


@pytest.mark.keras
def test_a_folder_becomes_a_table_and_a_page_and_the_exit_code_says_what_there_was(holiday, tmp_path):
    asked = ["classify", holiday, "--recursive", "--quick", "--csv", "out.csv", "--html", "out.html"]
    done = aidetect(tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    assert not done.stdout
    rows = {row["path"].rsplit("/", 1)[-1]: row for row in table(tmp_path / "out.csv")}
    assert set(rows) == {"one.jpg", "broken.png", "made.png"}
    assert (rows["made.png"]["verdict"], rows["made.png"]["decided_by"]) == ("FAKE", "generator")
    assert "not an image" in rows["broken.png"]["error"]
    page = (tmp_path / "out.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "http" not in page  # it needs nothing else
    assert not list((tmp_path / "data").glob("*.sqlite3"))

    again = aidetect(tmp_path, *asked, "--fail-on", "fake")
    assert again.returncode == 3
    assert "2 of 3 are in out.csv already" in again.stderr
    assert len(table(tmp_path / "out.csv")) == 3
    assert aidetect(tmp_path, "classify", holiday, "--quick", "--fail-on", "fake").returncode == 0  # not recursive


@pytest.mark.keras
def test_an_interrupted_run_keeps_what_it_has_and_goes_on_from_there(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.jpg").write_bytes(jpeg(number, 640, 480))
    command = [sys.executable, "-m", "aidetect.console", "classify", str(folder), "--quick", "--html", "out.html"]
    running = subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True)
    journal = tmp_path / ".out.html.partial.csv"
    while running.poll() is None and not (journal.is_file() and len(journal.read_text().splitlines()) > 3):
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "goes on from there" in said
    done = aidetect(tmp_path, *command[3:])
    assert done.returncode == 0
    assert "are in .out.html.partial.csv already" in done.stderr
    assert (tmp_path / "out.html").read_text().count("<img ") == 60
    assert not journal.exists()


@pytest.mark.keras
def test_lines_of_json_and_what_the_library_says_agree(holiday, tmp_path):
    done = aidetect(tmp_path, "classify", holiday / "one.jpg", holiday / "missing.jpg", "--quick", "--json")
    one, missing = (json.loads(line) for line in done.stdout.splitlines())
    assert "can't be read" in missing["error"]
    from aidetect.detect import Detector, inspect

    answer = Detector("quick").classify(holiday / "one.jpg")
    assert (answer.verdict, round(answer.score, 4)) == (one["verdict"], round(one["score"], 4))
    [settings] = [piece for piece in inspect(holiday / "inner/made.png") if piece.kind == "generator"]
    assert settings.direction == "AI"


def test_inspect_needs_no_network(holiday, tmp_path):
    done = aidetect(tmp_path, "inspect", holiday / "inner/made.png", "--json")
    assert json.loads(done.stdout)["decides"] == "FAKE"
    assert aidetect(tmp_path, "inspect", holiday / "missing.png").returncode == 1


def test_wrong_usage_says_what_was_expected(tmp_path):
    nothing = aidetect(tmp_path, "classify", tmp_path)
    assert (nothing.returncode, "--recursive" in nothing.stderr) == (1, True)
    (tmp_path / "other.csv").write_text("name,age\nBob,7\n")
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    wrong = aidetect(tmp_path, "classify", "a.jpg", "--csv", "other.csv")
    assert (wrong.returncode, "no table of this command's" in wrong.stderr) == (1, True)
    assert (tmp_path / "other.csv").read_text() == "name,age\nBob,7\n"
    assert aidetect(tmp_path, "classify", "a.jpg", "--fail-on", "bad").returncode == 2


def test_a_row_survives_the_table_and_no_spreadsheet_takes_it_for_a_formula():
    cells = ROW.as_cells()
    assert cells["path"] == "'=a.jpg"
    assert FileRow.read({name: "" if value is None else str(value) for name, value in cells.items()}) == ROW
    assert FileRow.read({**dict.fromkeys(COLUMNS, ""), "bytes": None}) is None


def test_the_page_shows_what_files_say_as_text(tmp_path):
    file_report.write(
        tmp_path / "deep/out.html", [FileRow("a.jpg", "", None, "", "", 1, "", "<script>alert(1)</script>")]
    )
    page = (tmp_path / "deep/out.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert '<td class="error">error</td>' in page


def test_the_package_carries_pages_and_has_the_command():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module, function = project["project"]["scripts"]["aidetect"].split(":")
    assert callable(getattr(importlib.import_module(module), function))
    for folder in project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]:
        assert (ROOT / folder).is_dir()
    assert (ROOT / "aidetect/py.typed").is_file() and (ROOT / "classifier/py.typed").is_file()
