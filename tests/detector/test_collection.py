"""One reader for training manifests and imports of images: the same rules for a folder, a zip and a table."""

import io
import zipfile

import pytest

from classifier.detector.data import collection, manifest
from classifier.detector.data.collection import Archive, Folder, entries_of, open_collection
from classifier.detector.errors import DatasetError, UnreadableImage
from tests.pictures import jpeg

FILES = {
    "own/real/nikon/a.jpg": jpeg(1),
    "own/Fake/b.jpg": jpeg(2),
    "own/REAL/__MACOSX/c.jpg": jpeg(3),
    "__MACOSX/own/FAKE/d.jpg": jpeg(4),
    "own/FAKE/.hidden.jpg": jpeg(5),
    "own/.trash/REAL/e.jpg": jpeg(6),
    "own/f.jpg": jpeg(7),
}
WANTED = [("own/Fake/b.jpg", "FAKE", ""), ("own/real/nikon/a.jpg", "REAL", "nikon")]


def folder_of(tmp_path, files):
    for name, content in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    return tmp_path / "in"


def zip_of(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer


def found(place):
    return sorted((entry.name, entry.label, entry.source) for entry in entries_of(place))


def test_a_folder_a_zip_and_the_training_manifest_agree(tmp_path):
    """Rubbish of a Mac used to be trained on, and left out of imports."""
    folder = folder_of(tmp_path, FILES)
    assert found(open_collection(folder)) == found(open_collection(zip_of(FILES))) == WANTED
    rows, complaints = manifest.import_folder(folder)
    assert {(row.path, row.label) for row in rows} == {(str(folder / name), label) for name, label, _ in WANTED}
    assert not complaints


@pytest.mark.parametrize("column", ["path", "file_name", "crop"])
def test_a_table_is_read_alike_wherever_it_is_used(tmp_path, column):
    """A label in lower case used to be refused for training only, `file_name` too, `crop` for imports only."""
    table = f"{column},label,source,license\np/1.jpg,real,nikon,CC0\np/2.jpg,FAKE,,\n"
    files = {"own/metadata.csv": table.encode(), "own/p/1.jpg": jpeg(1), "own/p/2.jpg": jpeg(2), "REAL/3.jpg": jpeg(3)}
    folder = folder_of(tmp_path, files)
    wanted = [("own/p/1.jpg", "REAL", "nikon"), ("own/p/2.jpg", "FAKE", "")]
    assert found(Folder(folder)) == found(Archive(zip_of(files))) == wanted
    rows, _ = manifest.import_folder(folder)
    assert [(row.label, row.source) for row in rows] == [("REAL", "nikon"), ("FAKE", "in")]


def test_a_table_that_says_nothing_of_labels_is_no_table(tmp_path):
    folder = folder_of(tmp_path, {**FILES, "metadata.csv": b"camera,lens\nnikon,35\n"})
    assert found(Folder(folder)) == WANTED


def test_our_own_manifest_is_read_again_though_its_paths_are_absolute(tmp_path):
    folder = folder_of(tmp_path, {"REAL/a.jpg": jpeg(1), "FAKE/b.jpg": jpeg(2)})
    rows, _ = manifest.import_folder(folder)
    manifest.write(rows, folder / "manifest.csv")
    assert {row.path for row in manifest.import_folder(folder)[0]} == {row.path for row in rows}


@pytest.mark.parametrize(
    "trick", ["../secret.jpg", "/etc/passwd", "{folder}/../secret.jpg", "REAL/../../secret.jpg", "."]
)
def test_a_table_leads_nowhere_else(tmp_path, trick):
    folder = folder_of(tmp_path, {"REAL/a.jpg": jpeg(1), "FAKE/b.jpg": jpeg(2)})
    (tmp_path / "secret.jpg").write_bytes(jpeg(9))
    lines = f"path,label\nFAKE/b.jpg,FAKE\n{trick.format(folder=folder)},REAL\n"
    (folder / "manifest.csv").write_text(lines)
    with pytest.raises(DatasetError, match="not among the files"):
        manifest.import_folder(folder)


def test_a_whole_picture_lies_in_the_collection_too(tmp_path):
    folder = folder_of(tmp_path, {"a.jpg": jpeg(1), "b.jpg": jpeg(2)})
    (tmp_path / "secret.jpg").write_bytes(jpeg(9))
    (folder / "manifest.csv").write_text("crop,whole,label\na.jpg,../secret.jpg,REAL\nb.jpg,,FAKE\n")
    with pytest.raises(DatasetError, match=r"secret\.jpg"):
        manifest.import_folder(folder)


@pytest.mark.parametrize("name", ["REAL/../../etc/x.jpg", "/REAL/x.jpg", "REAL\\..\\..\\x.jpg"])
def test_a_zip_with_names_that_lead_out_of_it_is_listed_and_not_read(name):
    archive = Archive(zip_of({name: jpeg()}))
    [entry] = entries_of(archive)
    with pytest.raises(UnreadableImage, match="leads out of the collection"):
        archive.read(entry.name, 100)


def test_no_more_is_unpacked_than_was_asked_for():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("REAL/bomb.jpg", bytes(50_000_000))
    assert len(Archive(buffer).read("REAL/bomb.jpg", 1001)) == 1001


def test_a_list_of_files_too_long_for_memory_is_refused_before_it_is_read(monkeypatch, tmp_path):
    buffer = zip_of({f"REAL/{number}": b"" for number in range(1000)})
    (tmp_path / "x.zip").write_bytes(buffer.getvalue())
    monkeypatch.setattr(collection, "MOST_DIRECTORY", 50_000)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    for place in (buffer, tmp_path / "x.zip"):
        with pytest.raises(DatasetError, match="expected a list of files of at most 50,000 bytes"):
            open_collection(place)


def test_a_table_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(collection, "MOST_TABLE", 1000)
    with pytest.raises(DatasetError, match="at most 1,000 bytes"):
        entries_of(Archive(zip_of({"manifest.csv": b"path,label\n" + b"a.jpg,REAL\n" * 1000, "a.jpg": jpeg()})))


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip", jpeg()])
def test_what_is_no_zip_is_said(content):
    with pytest.raises(DatasetError, match="can't be opened"):
        Archive(io.BytesIO(content))


def test_odd_names_do_no_harm():
    archive = Archive(zip_of({"REAL": b"x", "REAL/": b"", "FAKE//x.jpg": jpeg(1), "REAL/ü\u202e.jpg": jpeg(2)}))
    assert [entry.label for entry in entries_of(archive)] == ["FAKE", "REAL"]
