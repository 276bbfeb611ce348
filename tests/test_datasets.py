"""Dataset versions: frozen, numbered, hashed, leak-free for ever; exported and read again."""

import csv
import io
import json

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.urls import reverse

from classifier.detector.data import manifest
from classifier.detector.errors import DatasetError
from classifier.labelling import disputes, ground_truth
from classifier.learning import versions
from classifier.models import DatasetVersion, GroundTruth, Image, ImportBatch
from tests.conftest import person
from tests.factories import judged, submitted
from tests.pictures import encoded, jpeg, photo

pytestmark = pytest.mark.postgres


@pytest.fixture
def labelled(alice, staff):
    """Submit, judge and label n pictures with consent: half of each class."""

    def make(start, count):
        for number in range(start, start + count):
            judged(submitted(alice, f"{number}.jpg", jpeg(number, 72, 64), consent=True))
        for label, rest in ((GroundTruth.REAL, 0), (GroundTruth.FAKE, 1)):
            names = [f"{n}.jpg" for n in range(start, start + count) if n % 2 == rest]
            ground_truth.label_images(Image.objects.filter(name__in=names), staff, label, "sure")

    return make


def splits(version):
    return {row.sha256: row.split for row in versions.rows_of(version)}


def test_a_version_is_numbered_hashed_and_counted(labelled, staff):
    labelled(0, 40)
    version = versions.freeze(staff, "first")
    rows = versions.rows_of(version)
    assert (version.number, version.summary["images"], len(rows)) == (1, 40, 40)
    assert version.digest == manifest.digest(rows) and not manifest.leaks(rows)
    assert sum(sum(counts.values()) for counts in version.summary["splits"].values()) == 40
    assert set(version.summary["splits"]) == {"train", "validation", "test"}
    with pytest.raises(DatasetError, match="nothing has changed since dataset 1"):
        versions.freeze(staff)


def test_a_test_image_never_becomes_a_training_image(labelled, staff):
    labelled(0, 30)
    first = versions.freeze(staff)
    labelled(30, 30)
    second = versions.freeze(staff)
    before, after = splits(first), splits(second)
    assert len(after) == 60 and all(after[name] == split for name, split in before.items())
    assert versions.difference(first, second) == {"added": 30, "removed": 0, "relabelled": 0, "moved": 0}


def test_a_near_duplicate_of_a_test_image_goes_with_it(labelled, staff, alice):
    labelled(0, 30)
    first = versions.freeze(staff)
    tested = next(row for row in versions.rows_of(first) if row.split == "test")
    number = int(Image.objects.get(sha256=tested.sha256).name.split(".")[0])
    twin = judged(submitted(alice, "twin.jpg", encoded(photo(72, 64, number), "JPEG", quality=93), consent=True))
    ground_truth.label_images(Image.objects.filter(pk=twin.pk), staff, GroundTruth(tested.label), "the same")
    second = versions.freeze(staff)
    assert splits(second)[twin.sha256] == "test" and not manifest.leaks(versions.rows_of(second))


def test_withdrawn_consent_leaves_with_the_next_version(labelled, staff, alice):
    labelled(0, 12)
    first = versions.freeze(staff)
    image = Image.objects.get(name="3.jpg")
    disputes.set_consent(image, False)
    second = versions.freeze(staff)
    assert image.sha256 in splits(first) and image.sha256 not in splits(second)
    assert versions.difference(first, second)["removed"] == 1


def test_a_picture_that_may_only_be_looked_at_enters_no_version(labelled, staff):
    labelled(0, 12)
    Image.objects.filter(name="3.jpg").update(consent=False, review_consent=True)
    assert Image.objects.get(name="3.jpg").sha256 not in splits(versions.freeze(staff))


def test_a_relabelled_image_makes_a_new_version(labelled, staff):
    labelled(0, 12)
    first = versions.freeze(staff)
    ground_truth.label_images(Image.objects.filter(name="2.jpg"), staff, GroundTruth.FAKE, "looked again")
    assert versions.difference(first, versions.freeze(staff))["relabelled"] == 1


def test_a_class_alone_is_no_dataset(labelled, staff):
    with pytest.raises(DatasetError, match="found none"):
        versions.freeze(staff)
    labelled(0, 4)
    ground_truth.label_images(Image.objects.all(), staff, GroundTruth.REAL, "all real")
    with pytest.raises(DatasetError, match="no FAKE"):
        versions.freeze(staff)
    assert not DatasetVersion.objects.exists()


@pytest.mark.keras
def test_an_export_is_read_again_as_it_was(labelled, staff, tmp_path):
    labelled(0, 30)
    version = versions.freeze(staff)
    call_command("export_dataset", "1", str(tmp_path / "out"), stdout=io.StringIO())
    table = list(csv.DictReader(io.StringIO((tmp_path / "out" / "metadata.csv").read_text())))
    assert len(table) == 30 and all((tmp_path / "out" / row["file_name"]).is_file() for row in table)
    assert manifest.digest(manifest.read(tmp_path / "out" / "manifest.csv")) == version.digest
    rows, complaints = manifest.import_folder(tmp_path / "out" / "train")
    wanted = {row.sha256: row.label for row in versions.rows_of(version) if row.split == "train"}
    assert not complaints and {row.sha256: row.label for row in rows} == wanted
    from keras.utils import image_dataset_from_directory

    found = image_dataset_from_directory(tmp_path / "out" / "train", image_size=(32, 32), verbose=False)
    assert found.class_names == ["FAKE", "REAL"] and len(found.file_paths) == len(wanted)
    with pytest.raises(CommandError, match="empty folder"):
        call_command("export_dataset", "1", str(tmp_path / "out"))
    with pytest.raises(CommandError, match=r"\(1\)"):
        call_command("export_dataset", "7", str(tmp_path / "other"))


def test_what_an_owner_deleted_is_missing_from_the_export_and_said(
    labelled, staff, tmp_path, django_capture_on_commit_callbacks
):
    labelled(0, 8)
    version = versions.freeze(staff)
    with django_capture_on_commit_callbacks(execute=True):
        Image.objects.filter(name="1.jpg").delete()
    count, gone = versions.export(version, tmp_path / "out")
    assert count == 7 and len(gone) == 1


def test_a_shortcut_in_the_files_is_warned_of(alice, staff):
    for number in range(20):
        form = ("PNG", "JPEG")[number % 2]
        judged(submitted(alice, f"{number}.x", encoded(photo(72, 64, number), form), consent=True))
    for form, label in (("PNG", GroundTruth.FAKE), ("JPEG", GroundTruth.REAL)):
        ground_truth.label_images(Image.objects.filter(format=form), staff, label, "x")
    assert any("format alone" in warning for warning in versions.freeze(staff).summary["warnings"])


def test_the_administration_freezes_and_shows_what_changed(labelled, as_staff, sign_in):
    labelled(0, 12)
    url = reverse("admin:classifier_datasetversion_changelist")
    freeze = reverse("admin:classifier_datasetversion_freeze")
    page = as_staff.post(freeze, {"note": "first of all"}, follow=True).content.decode()
    assert "Dataset 1 is frozen: 12 images." in page and "first of all" in page
    assert "Nothing has changed since dataset 1" in as_staff.post(freeze, follow=True).content.decode()
    labelled(12, 4)
    as_staff.post(freeze)
    second = DatasetVersion.objects.get(number=2)
    page = as_staff.get(reverse("admin:classifier_datasetversion_change", args=[second.pk])).content.decode()
    assert "4 added, 0 removed" in page
    reader = person("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_datasetversion"))
    assert "Freeze the labelled" not in sign_in(reader).get(url).content.decode()
    assert sign_in(reader).post(freeze).status_code == 403 and as_staff.get(freeze).status_code == 403


def test_the_command_prints_the_version_and_how_to_train_on_it(labelled, capsys):
    labelled(0, 12)
    call_command("freeze_dataset", "--note", "by command")
    out = capsys.readouterr().out
    assert "dataset 1: 12 images" in out and "manage.py train --dataset 1" in out
    assert json.loads(json.dumps(DatasetVersion.objects.get().summary))["images"] == 12


def test_freezing_during_an_import_warns_and_asks(as_staff, staff):
    ImportBatch.objects.create(owner=staff, license="CC0", state="running", cursor=3, progress={"total": 1000})
    page = as_staff.get("/admin/classifier/datasetversion/").content.decode()
    assert "is at 3 of 1,000 pictures" in page and 'name="despite"' in page
    freeze = "/admin/classifier/datasetversion/freeze/"
    page = as_staff.post(freeze, {"note": "early"}, follow=True).content.decode()
    assert "Nothing was frozen: import" in page and "is at 3 of 1,000 pictures" in page
    page = as_staff.post(freeze, {"note": "early", "despite": "yes"}, follow=True).content.decode()
    assert "Nothing was frozen" not in page and "labelled images with consent" in page, "refused for another reason"
    ImportBatch.objects.update(state="done")
    assert 'name="despite"' not in as_staff.get("/admin/classifier/datasetversion/").content.decode()
