"""Labelled pictures from a zip or a folder: counted, resumed, never trusted."""

import csv
import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection

from classifier.detector.data import collection
from classifier.detector.errors import DatasetError
from classifier.intake import unpacking
from classifier.labelling import imports
from classifier.models import Image, ImportBatch, Label
from tests.pictures import jpeg

pytestmark = pytest.mark.postgres

ADD = "/admin/classifier/importbatch/add/"


def packed(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


FILES = {
    "own/REAL/holiday/a.jpg": jpeg(1),
    "own/REAL/holiday/again.jpg": jpeg(1),
    "own/FAKE/midjourney/b.jpg": jpeg(2),
    "own/FAKE/c.jpg": jpeg(3),
    "own/FAKE/../../../../tmp/escape.jpg": jpeg(4),
    "own/FAKE/broken.jpg": jpeg(5)[:500],
    "own/FAKE/notes.txt": b"hello",
    "own/readme.txt": b"neither REAL nor FAKE",
    "__MACOSX/own/REAL/._a.jpg": b"rubbish",
}


TABLE = b"path,label\nx.jpg,REAL\n"


def work():
    while imports.step():
        pass


def test_staff_import_a_zip_and_see_what_became_of_it(as_staff, staff, tmp_path):
    page = as_staff.post(
        ADD, {"archive": SimpleUploadedFile("own.zip", packed(FILES)), "source": "", "license": "CC0"}, follow=True
    )
    assert page.status_code == 200 and "7 pictures are being imported" in page.content.decode()
    batch = ImportBatch.objects.get()
    stored = batch.archive.path
    work()
    batch.refresh_from_db()
    assert (batch.state, batch.added, batch.duplicates, len(batch.complaints)) == ("done", 3, 1, 3)
    told = "\n".join(batch.complaints)
    assert "broken.jpg: the file is damaged" in told and "notes.txt: it is not an image" in told
    assert "escape.jpg: its path leads out of the collection" in told
    image = Image.objects.get(name="a.jpg")
    assert (image.owner, image.label, image.source, image.license) == (staff, "REAL", "holiday", "CC0")
    assert image.consent and image.background and image.state == "waiting"
    assert Label.objects.filter(by=staff, kind="import", reason__startswith=f"import {batch.pk}: ").count() == 3
    assert not (tmp_path.parent / "escape.jpg").exists() and not Path(stored).exists()
    detail = as_staff.get(f"/admin/classifier/importbatch/{batch.pk}/change/").content.decode()
    assert "broken.jpg" in detail and "Cancel this import" not in detail


def test_an_upload_goes_before_ten_thousand_imported_ones(staff, upload, settings):
    archive = ContentFile(packed({f"REAL/x/{n}.jpg": jpeg(n) for n in range(4)}), "x.zip")
    imports.start(staff, "CC0", archive=archive)
    work()
    upload(("mine.jpg", jpeg(99)))
    import uuid

    first = list(Image.objects.claim(uuid.uuid4(), 1))
    assert [image.name for image in first] == ["mine.jpg"]
    assert Image.objects.get(name="0.jpg").queue_position() == 1, "those that are being analysed are no longer counted"


@pytest.mark.keras
def test_the_worker_imports_and_judges_between_uploads(staff, tiny):
    from classifier.worker import loop

    archive = ContentFile(packed({"REAL/x/1.jpg": jpeg(1), "FAKE/y/2.jpg": jpeg(2)}), "x.zip")
    imports.start(staff, "CC0", archive=archive)
    assert loop.classify_waiting(8) == 2
    assert set(Image.objects.values_list("state", "label")) == {("done", "REAL"), ("done", "FAKE")}


def test_an_interrupted_import_goes_on_where_it_was_and_doubles_nothing(staff, monkeypatch, settings):
    monkeypatch.setattr(imports, "BATCH", 3)
    archive = ContentFile(packed({f"REAL/x/{n}.jpg": jpeg(n) for n in range(8)}), "x.zip")
    batch = imports.start(staff, "CC0", archive=archive)
    assert imports.step()
    real = imports._count

    def dies(batch, **counts):
        real(batch, **counts)
        if batch.cursor == 5:
            raise MemoryError

    monkeypatch.setattr(imports, "_count", dies)
    with pytest.raises(MemoryError):
        imports.step()
    batch.refresh_from_db()
    assert (batch.cursor, Image.objects.count(), Label.objects.count(), batch.state) == (4, 4, 4, "running")
    stored = sorted(path.name for path in settings.MEDIA_ROOT.glob("uploads/*/*"))
    assert stored == sorted(str(image.uuid) for image in Image.objects.all()), "no file without its row"
    assert not imports.step(), "its claim still stands"
    monkeypatch.setattr(imports, "_count", real)
    ImportBatch.objects.update(claimed_at="2020-01-01T00:00Z")
    work()
    batch.refresh_from_db()
    assert (batch.state, batch.added, batch.duplicates, Image.objects.count()) == ("done", 8, 0, 8)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_read_or_decoded_while_the_database_is_locked(staff, monkeypatch):
    """Fifty pictures used to be decoded inside one transaction, 45 s of SQLite's only lock."""
    batch = imports.start(staff, "CC0", archive=ContentFile(packed({f"REAL/x/{n}.jpg": jpeg(n) for n in range(4)})))
    seen = []

    def watched(name, real):
        def call(*args, **options):
            seen.append((name, connection.in_atomic_block, ImportBatch.objects.get().cursor, Label.objects.count()))
            return real(*args, **options)

        return call

    monkeypatch.setattr(collection.Archive, "read", watched("read", collection.Archive.read))
    monkeypatch.setattr(unpacking, "verify", watched("decode", unpacking.verify))
    monkeypatch.setattr(FileSystemStorage, "save", watched("store", FileSystemStorage.save))
    assert imports.step(batch.pk)
    assert seen == [(name, False, n, n) for n in range(4) for name in ("read", "decode", "store")]


def test_an_import_cancelled_in_the_middle_leaves_no_half_picture(staff, monkeypatch, settings):
    batch = imports.start(staff, "CC0", archive=ContentFile(packed({f"REAL/x/{n}.jpg": jpeg(n) for n in range(4)})))
    real = unpacking.verify

    def cancelling(*args):
        if Image.objects.count() == 2:
            imports.cancel(ImportBatch.objects.get())
        return real(*args)

    monkeypatch.setattr(unpacking, "verify", cancelling)
    assert imports.step()
    batch.refresh_from_db()
    assert (batch.state, batch.cursor, Image.objects.count(), Label.objects.count()) == ("cancelled", 2, 2, 2)
    assert len(list(settings.MEDIA_ROOT.glob("uploads/*/*"))) == 2


def test_a_cancelled_import_keeps_what_it_has_and_drops_the_zip(as_staff, staff, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 1)
    batch = imports.start(staff, "CC0", archive=ContentFile(packed(FILES), "x.zip"))
    stored = batch.archive.path
    imports.step()
    as_staff.post(f"/admin/classifier/importbatch/{batch.pk}/cancel/")
    assert not imports.step() and Image.objects.count() == 1
    assert not Path(stored).exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK no zip at all", "can&#x27;t be opened"),
        (packed({"a.txt": b"x"}), "Expected pictures below folders named REAL and FAKE"),
        (packed({"manifest.csv": b"path,label\nx.jpg,MAYBE\n", "x.jpg": jpeg()}), "label REAL or FAKE"),
        (packed({"manifest.csv": b"path,label\ny.jpg,REAL\n", "x.jpg": jpeg()}), "is not among the files"),
        (packed({"manifest.csv": b"path,label\n" + b"x" * 200_000, "x.jpg": jpeg()}), "field larger than field limit"),
        (packed({"manifest.csv": TABLE}).replace(TABLE, TABLE[::-1]), "Manifest.csv: it can&#x27;t be unpacked"),
        (packed({"own/__MACOSX/REAL/a.jpg": jpeg()}), "Expected pictures below folders named REAL and FAKE"),
    ],
)
def test_a_bad_zip_is_explained_in_the_form(as_staff, content, sentence):
    page = as_staff.post(ADD, {"archive": SimpleUploadedFile("x.zip", content), "license": "CC0"})
    assert page.status_code == 200 and sentence in page.content.decode()
    assert not ImportBatch.objects.exists()


def test_a_bomb_is_left_out(staff, settings):
    settings.MAX_UPLOAD_MB = 0.1
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("REAL/bomb.jpg", bytes(5_000_000))
        made.writestr("REAL/fine.jpg", jpeg(1))
    batch = imports.start(staff, "CC0", archive=ContentFile(archive.getvalue(), "x.zip"))
    work()
    batch.refresh_from_db()
    assert batch.added == 1 and "bomb.jpg: it is larger than" in batch.complaints[0]


def test_a_table_says_label_source_and_licence(staff):
    lines = io.StringIO()
    table = csv.writer(lines)
    table.writerows([["file_name", "label", "source", "license"], ["p/1.jpg", "REAL", "nikon", "CC BY"]])
    files = {"metadata.csv": lines.getvalue(), "p/1.jpg": jpeg(1), "p/2.jpg": jpeg(2)}
    imports.start(staff, "ours", archive=ContentFile(packed(files), "x.zip"))
    work()
    assert Image.objects.values_list("label", "source", "license").get() == ("REAL", "nikon", "CC BY")


def test_the_command_copies_a_folder_in_and_a_second_run_doubles_nothing(staff, tmp_path, capsys):
    for name, content in FILES.items():
        if ".." not in name:
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / name).write_bytes(content)
    call_command("import_dataset", str(tmp_path / "in"), "--as-images", "--license", "CC0", "--by", "staff")
    out = capsys.readouterr()
    assert "3 imported, 1 here already, 2 left out" in out.out and "broken.jpg" in out.err
    (tmp_path / "in" / "own/REAL/new.jpg").write_bytes(jpeg(50))
    call_command("import_dataset", str(tmp_path / "in"), "--as-images", "--by", "staff@example.org")
    assert "1 imported, 4 here already" in capsys.readouterr().out
    with pytest.raises(Exception, match="is not a folder"):
        call_command("import_dataset", str(tmp_path / "nowhere"), "--as-images")
    with pytest.raises(Exception, match="expected a staff account"):
        call_command("import_dataset", str(tmp_path / "in"), "--as-images", "--by", "nobody")


def test_a_folder_waits_for_its_command_and_a_killed_one_is_resumed(staff, tmp_path, monkeypatch, capsys):
    for number in range(5):
        (tmp_path / "in" / "REAL").mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / "REAL" / f"{number}.jpg").write_bytes(jpeg(number))
    monkeypatch.setattr(imports, "BATCH", 2)
    batch = imports.start(staff, "CC0", folder=str(tmp_path / "in"))
    assert not imports.step() and imports.step(batch.pk)
    ImportBatch.objects.update(state="running", claim="1" * 32, claimed_at="2020-01-01T00:00Z")
    call_command("import_dataset", str(tmp_path / "in"), "--as-images")
    assert "5 imported, 0 here already" in capsys.readouterr().out and ImportBatch.objects.count() == 1


def test_only_staff_import_and_only_their_zips_may_be_large(as_alice, as_staff, settings):
    settings.MAX_UPLOAD_MB, settings.MAX_IMPORT_MB = 0.01, 5
    zipped = packed({f"REAL/{n}.jpg": jpeg(n) for n in range(20)})
    assert len(zipped) > 20_000
    assert as_alice.post(ADD, {"archive": SimpleUploadedFile("x.zip", zipped), "license": "x"}).status_code == 302
    assert not ImportBatch.objects.exists()
    as_staff.post(ADD, {"archive": SimpleUploadedFile("x.zip", zipped), "license": "x"})
    assert ImportBatch.objects.get().progress["total"] == 20


def test_nothing_to_import_is_an_error(staff, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="expected pictures below"):
        imports.start(staff, "x", folder=str(tmp_path / "empty"))
    assert not ImportBatch.objects.exists()


def test_a_table_beside_the_folder_is_not_silently_left_out(staff, tmp_path):
    (tmp_path / "REAL").mkdir()
    (tmp_path / "REAL" / "a.jpg").write_bytes(jpeg())
    with pytest.raises(CommandError, match=r"expected a manifest\.csv in the folder"):
        call_command("import_dataset", str(tmp_path), "--as-images", "--table", str(tmp_path / "t.csv"))


def test_the_command_imports_a_zip_of_the_server_too(staff, tmp_path, capsys):
    (tmp_path / "own.zip").write_bytes(packed(FILES))
    call_command("import_dataset", str(tmp_path / "own.zip"), "--as-images")
    assert "3 imported, 1 here already, 3 left out" in capsys.readouterr().out and (tmp_path / "own.zip").is_file()


def test_the_imports_page_shows_a_bar_with_the_time_left_and_is_polled(as_staff, staff):
    batch = ImportBatch.objects.create(
        owner=staff, license="CC0", state="running", cursor=250, progress={"total": 1000, "done": 250, "seconds": 100}
    )
    url = f"/admin/classifier/importbatch/{batch.pk}/"
    page = as_staff.get(f"{url}change/")
    told = " ".join(page.content.decode().split())
    assert 'value="0.2500"' in told and "250 of 1,000 pictures, at this pace 5 min left" in told
    assert "Cancel this import" in told and "5 min left" in as_staff.get(url[: -len(f"{batch.pk}/")]).content.decode()
    assert as_staff.get(f"{url}status/", {"seen": page.context["seen"]}).status_code == 204
    ImportBatch.objects.update(cursor=1000, state="done", complaints=["x.jpg: damaged"])
    page = as_staff.get(f"{url}status/", {"seen": page.context["seen"]}).content.decode()
    assert "hx-get" not in page and "x.jpg: damaged" in page and "left;" not in page


def test_an_import_counts_the_seconds_it_worked(staff):
    batch = imports.start(staff, "CC0", archive=ContentFile(packed({"REAL/x/1.jpg": jpeg(1)}), "x.zip"))
    imports.step()
    batch.refresh_from_db()
    assert batch.progress["seconds"] > 0 and batch.share_done == 1 and batch.seconds_left is None
