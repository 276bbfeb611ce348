"""Uploads an hour and stored bytes a person: refused kindly, before the bytes are read where that is possible."""

import threading
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from classifier.detector.images.decoding import Header
from classifier.intake import quotas, submitting
from classifier.models import Allowance, Batch, Image, Received
from tests.api import Caller, problem
from tests.pictures import jpeg
from tests.test_batches import packed
from tests.test_upload import messages_of


def test_without_a_setting_nothing_is_counted(upload, as_alice):
    upload(("a.jpg", jpeg(1)))
    assert not Received.objects.exists()
    assert 'id="quota"' not in as_alice.get("/").content.decode()


def test_uploads_of_an_hour_are_limited_and_the_page_says_how_many_are_left(upload, as_alice, settings):
    settings.UPLOADS_PER_HOUR = 2
    upload(("a.jpg", jpeg(1)))
    assert "1 of 2 uploads left this hour" in as_alice.get("/").content.decode()
    upload(("b.jpg", jpeg(2)))
    response = upload(("c.jpg", jpeg(3)))
    assert response.url == "/" and Image.objects.count() == 2
    [sentence] = messages_of(as_alice.get("/"))
    assert "the limit is 2" in sentence and "Try again in 60 minutes." in sentence


@pytest.mark.postgres
def test_of_many_files_those_that_fit_are_stored_and_each_other_one_has_its_sentence(upload, as_alice, settings):
    settings.UPLOADS_PER_HOUR = 2
    response = upload(*((f"{n}.jpg", jpeg(n)) for n in range(4)))
    assert Image.objects.count() == 2
    batch = Batch.objects.get()
    assert [(item.name, "the limit is 2" in item.error) for item in batch.refusals] == [
        ("2.jpg", True),
        ("3.jpg", True),
    ]
    assert "2 accepted, 2 refused: show" in as_alice.get(response.url).content.decode()


def test_a_folder_or_zip_that_there_is_no_room_for_is_not_begun_with(upload, as_alice, settings):
    settings.UPLOADS_PER_HOUR = 2
    answer = as_alice.post("/batches/start/", {"expected": "3"})
    assert "3 files; you may upload 2 more within this hour" in answer.json()["errors"][0]
    archive = packed({f"{n}.jpg": jpeg(n) for n in range(3)})
    said = messages_of(upload(("x.zip", archive), follow=True))
    assert "x.zip: These are 3 files; you may upload 2 more" in said[0]
    answer = as_alice.post("/batches/zip/", {"images": SimpleUploadedFile("x.zip", archive)})
    assert answer.status_code == 400 and "3 files" in answer.json()["errors"][0]
    assert not Batch.objects.exists()


def test_an_hour_later_there_is_room_again_but_deleting_makes_none(upload, as_alice, settings):
    settings.UPLOADS_PER_HOUR = 1
    upload(("a.jpg", jpeg(1)))
    Image.objects.all().delete()
    upload(("b.jpg", jpeg(2)))
    assert not Image.objects.exists()
    Received.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    upload(("b.jpg", jpeg(2)))
    assert Image.objects.get().name == "b.jpg"
    assert quotas.forget_old_uploads() == 1


def test_the_bytes_of_the_originals_are_limited_and_deleting_makes_room(upload, as_alice, settings):
    content = jpeg(1, 200, 200)
    settings.STORAGE_MB = 1.5 * len(content) / 1e6
    upload(("a.jpg", content))
    upload(("b.jpg", jpeg(2, 200, 200)))
    assert Image.objects.get().name == "a.jpg"
    [sentence] = messages_of(as_alice.get("/"))
    assert sentence.startswith("b.jpg: There is no room for") and "Delete images" in sentence
    Image.objects.all().delete()
    upload(("b.jpg", jpeg(2, 200, 200)))
    assert Image.objects.get().name == "b.jpg"


def test_a_refused_file_leaves_nothing_on_the_disk(upload, settings):
    settings.STORAGE_MB = 0.001
    upload(("a.jpg", jpeg(1, 200, 200)))
    assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def test_the_same_bytes_again_need_no_room(upload, settings):
    settings.UPLOADS_PER_HOUR = 1
    upload(("a.jpg", jpeg(1)))
    image = Image.objects.get()
    again = submitting.CheckedFile(SimpleUploadedFile("a.jpg", jpeg(1)), "a.jpg", None)
    [submission] = submitting.submit_images(image.owner, [again], False)
    assert submission == submitting.Submission(image, created=False)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite writers are serialised; PostgreSQL ones are not"
)
def test_two_requests_at_the_same_moment_do_not_both_get_the_last_place(alice, settings):
    settings.UPLOADS_PER_HOUR = 1
    barrier, refused = threading.Barrier(2), []

    def post(number):
        checked = submitting.CheckedFile(
            SimpleUploadedFile("a.jpg", jpeg(number)), f"{number}.jpg", Header("JPEG", 96, 80)
        )
        barrier.wait()
        submitting.submit_images(alice, [checked], False, refused)
        connection.close()

    threads = [threading.Thread(target=post, args=[number]) for number in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert Image.objects.count() == len(refused) == 1


def test_staff_raise_it_for_one_person(upload, as_staff, alice, settings):
    settings.UPLOADS_PER_HOUR = 1
    data = {"owner": alice.pk, "uploads_per_hour": 2, "storage_mb": "", "note": "a newsroom"}
    assert as_staff.post("/admin/classifier/allowance/add/", data).status_code == 302
    upload(("a.jpg", jpeg(1)))
    upload(("b.jpg", jpeg(2)))
    upload(("c.jpg", jpeg(3)))
    assert Image.objects.count() == 2
    assert "0 of 2 uploads left this hour" in as_staff.get("/admin/classifier/allowance/").content.decode()


def test_staff_can_lift_a_limit_for_one_person(upload, alice, settings):
    settings.STORAGE_MB = 0.001
    Allowance.objects.create(owner=alice, storage_mb=0)
    upload(("a.jpg", jpeg(1, 200, 200)))
    assert Image.objects.exists()


def test_an_upload_for_which_there_is_no_room_is_refused_unread(as_alice, alice, settings, monkeypatch):
    settings.UPLOADS_PER_HOUR = 1
    Received.objects.create(owner=alice)
    monkeypatch.setattr("django.http.request.HttpRequest._load_post_and_files", lambda *_: pytest.fail("it was read"))
    data = {"images": SimpleUploadedFile("a.jpg", jpeg())}
    assert as_alice.post("/", data).url == "/"
    answer = as_alice.post("/", data, headers={"X-Requested-With": "XMLHttpRequest"}).json()
    assert "the limit is 1" in answer["errors"][0]


def test_the_programming_interface_keeps_to_it_too(alice, settings):
    settings.UPLOADS_PER_HOUR = 1
    calls = Caller(alice)
    said = calls.upload(("a.jpg", jpeg(1)), ("b.jpg", jpeg(2))).json()
    assert len(said["images"]) == 1
    assert (said["refused"][0]["name"], said["refused"][0]["code"]) == ("b.jpg", "quota")
    assert "the limit is 1" in problem(calls.upload(("c.jpg", jpeg(3))), 403, "quota")["detail"]
