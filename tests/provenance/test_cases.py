"""What public bug reports taught: the right answer of every file in shared/data/cases.

id | verdict that the file decides, - for none | what must be among the evidence (direction, * for a decided one that is
signed or declared, detail words) | what must not be.
The files carry no licence of their own, so they are read where they lie.
"""

import csv

import pytest

from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import read_rgb
from classifier.provenance.inspection import inspect
from classifier.provenance.rules import decide
from tests.provenance.test_metadata_files import FOLDER as METADATA

FOLDER = METADATA.parent / "cases"
EXPECTED = """
A01 | FAKE | AI content_number | -
A02 | FAKE | AI content_number | -
A06 | - | AI content_number | -
A07 | FAKE | AI content_number | -
B01 | FAKE | AI xAI | camera
B02 | FAKE | AI xAI | camera
B03 | - | camera | AI
C01 | FAKE | AI Imagen | -
C07 | FAKE | AI | -
D01 | FAKE | AI | -
D02 | - | edited | AI
D03 | - | edited | AI
D04 | FAKE | AI | -
D05 | - | - | AI
D07 | - | - | AI
D09 | FAKE | AI | -
D10 | FAKE | AI | -
E02 | - | camera | AI
E03 | - | camera | AI
E04 | - | - | AI
E06 | FAKE | AI Ideogram | camera
E07 | FAKE | AI Reve | -
E08 | FAKE | AI Luma | -
E11 | - | edited Topaz | AI
F01 | FAKE | AI sailor | -
F02 | FAKE | AI 灯台 | -
F03 | FAKE | AI маяк | -
F04 | FAKE | AI sailor | -
F05 | FAKE | AI sailor | -
F07 | FAKE | AI 灯塔 | -
F08 | FAKE | AI 1170450682 | -
F10 | FAKE | AI sailor | -
F11 | FAKE | AI sailor | -
F13 | FAKE | AI sailor | -
F14 | - | - | AI
F16 | - | edited R-ESRGAN | AI
F18 | FAKE | AI sailor | -
F19 | FAKE | AI sailor | -
F20 | FAKE | AI sailor | -
G01 | FAKE | AI prompt | -
G02 | FAKE | AI sailor | -
G03 | FAKE | AI sailor | camera
G04 | FAKE | AI sailor | camera
G06 | - | AI | -
G08 | FAKE | AI sailor | -
G10 | FAKE | AI sailor | -
G11 | FAKE | AI mflux | -
G12 | FAKE | AI sailor | -
G15 | FAKE | AI SwarmUI | -
H01 | FAKE | AI | -
H02 | FAKE | AI | -
H03 | FAKE | AI | -
H04 | FAKE | AI | -
H05 | FAKE | AI | -
H06 | FAKE | AI | -
H07 | FAKE | AI | -
H08 | FAKE | AI | -
H09 | FAKE | AI | -
H11 | FAKE | AI | -
I02 | FAKE | AI Dreamina | -
I03 | FAKE | AI | -
I10 | FAKE | AI | -
I18 | - | none Test Camera Works | AI
K01 | - | edited | AI
K03 | - | camera X-T5 | AI
L02 | - | camera | AI
L03 | - | camera | AI
L04 | - | camera | AI
L06 | - | edited | AI
L07 | - | camera Pixel 8 | AI
L08 | FAKE | AI | -
L10 | FAKE | AI lighthouse | -
L11 | FAKE | AI lighthouse | -
L15 | FAKE | AI sailor | -
L17 | - | AI | -
L19 | - | camera | edited
L20 | - | camera | AI
L22 | FAKE | AI sailor | -
M03 | - | camera Pixel 8 Pro | AI
M04 | - | camera LEICA | AI
M05 | - | camera ILCE-7RM5 | AI
M11 | - | - | AI
M15-sample1.jxl | - | - | AI
M15-JXL.jxl | - | - | AI
M15-Jpeg2000.jp2 | - | - | AI
R15 | - | camera digitalCapture | AI
R17 | - | none softwareImage | AI
R18-noisy_latents_3_subjects_cropped | FAKE | AI ComfyUI | -
R18-invokeai_imeta1 | FAKE | AI InvokeAI | -
R18-fooocus1_cropped | FAKE | AI Fooocus | -
R18-text_after_idat | FAKE | AI duck | -
N-paperless_diagram | - | - | AI
N-paperless_logo | - | - | AI
N-datasette_page | - | - | AI
N-wagtail_releasenotes_1_4_revision-ui | - | - | AI
N-wagtail_releasenotes_1_9_revisioncomparison | - | - | AI
"""
ROWS = [tuple(line.split(" | ")) for line in EXPECTED.strip().splitlines()]
needs_files = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"needs the case files in {FOLDER}")


def file_of(case):
    with (FOLDER / "cases.csv").open(encoding="utf-8", newline="") as table:
        return FOLDER / next(row["file"] for row in csv.DictReader(table) if row["id"] == case)


@needs_files
def test_every_case_with_a_picture_is_expected():
    with (FOLDER / "cases.csv").open(encoding="utf-8", newline="") as table:
        listed = {row["id"] for row in csv.DictReader(table) if row["file"] and not row["file"].endswith(".txt")}
    assert listed == {row[0] for row in ROWS}


@needs_files
@pytest.mark.parametrize(("case", "verdict", "wanted", "unwanted"), ROWS, ids=[row[0] for row in ROWS])
def test_the_right_answer_of(case, verdict, wanted, unwanted):
    pieces = inspect(file_of(case).read_bytes())
    assert (decide(pieces) or "-") == verdict
    direction, _, words = wanted.partition(" ")
    fitting = [piece for piece in pieces if piece.direction == direction]
    assert wanted == "-" or any(words in f"{piece.summary} {piece.details}" for piece in fitting), pieces
    assert not [piece for piece in pieces if piece.direction == unwanted], pieces


@needs_files
def test_a_manifest_that_breaks_a_rule_was_not_changed():
    [piece] = [piece for piece in inspect(file_of("I18").read_bytes()) if piece.kind == "c2pa"]
    assert piece.details["state"] == "valid" and "was not changed" in piece.summary
    assert "malformed" not in piece.summary and piece.details["failed"] == ["assertion.action.malformed"]


@needs_files
@pytest.mark.parametrize("case", ["M03", "M04", "M05"])
def test_full_size_photographs_of_phones_and_cameras_are_read(case):
    picture = read_rgb(file_of(case))
    assert min(picture.size) > 5000
    assert [piece for piece in inspect(file_of(case).read_bytes()) if piece.kind == "jpeg"]


@needs_files
@pytest.mark.parametrize(
    ("case", "name"), [("M15-sample1.jxl", "JPEG XL"), ("M15-JXL.jxl", "JPEG XL"), ("M15-Jpeg2000.jp2", "JPEG 2000")]
)
def test_formats_that_are_not_read_are_refused_by_name(case, name):
    with pytest.raises(UnreadableImage, match=name):
        read_rgb(file_of(case))
