"""What a request may bring: nothing goes to the disk before the log-in, and the sum of a request is bounded."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.test import Client

from classifier.models import Image
from tests.api import Caller, problem
from tests.pictures import jpeg


def big():
    return SimpleUploadedFile("a.jpg", bytes(3_000_000))


@pytest.fixture
def no_file_is_written(monkeypatch):
    monkeypatch.setattr(TemporaryUploadedFile, "__init__", lambda *_: pytest.fail("a file was written"))


@pytest.mark.parametrize("path", ["/metrics/", "/accounts/login/", "/history/", "/admin/classifier/importbatch/add/"])
@pytest.mark.parametrize("checked", [False, True])
def test_without_a_log_in_a_large_request_is_refused_before_anything_is_stored(db, path, checked, no_file_is_written):
    response = Client(enforce_csrf_checks=checked).post(path, {"images": big()})
    assert response.status_code == 413 and "at most 1.0 MB go in one" in response.content.decode()


def test_who_was_signed_out_meanwhile_is_told_so_however_large_the_upload(client, db, no_file_is_written):
    response = client.post("/", {"images": big()}, follow=True)
    assert "You were signed out, so nothing was uploaded." in response.content.decode()
    answer = client.post("/", {"images": big()}, headers={"X-Requested-With": "XMLHttpRequest"})
    assert answer.json() == {"location": "/accounts/login/"}


def test_the_sum_of_a_request_is_bounded(upload, as_alice, settings, no_file_is_written):
    settings.MAX_REQUEST_MB, settings.MAX_UPLOAD_MB = 2, 1
    response = upload(("a.jpg", bytes(1_000_000)), ("b.jpg", bytes(1_000_000)), ("c.jpg", bytes(1_100_000)))
    assert response.status_code == 413 and "at most 3.0 MB" in response.content.decode()
    answer = as_alice.post("/", {"images": big()}, headers={"X-Requested-With": "XMLHttpRequest"})
    assert "smaller groups" in answer.json()["errors"][0] and not Image.objects.exists()


def test_one_file_of_the_largest_size_always_fits(upload, settings):
    settings.MAX_REQUEST_MB = 0.001
    assert upload(("a.jpg", jpeg())).status_code == 302


def test_only_those_who_may_import_send_an_archive(as_alice, as_staff, settings):
    settings.MAX_UPLOAD_MB = settings.MAX_REQUEST_MB = 1
    for client, status in ((as_alice, 413), (as_staff, 200)):
        assert client.post("/admin/classifier/importbatch/add/", {"archive": big()}).status_code == status


def test_what_a_refused_request_still_sends_is_discarded_up_to_the_size_of_one_file(client, db, settings):
    settings.MAX_UPLOAD_MB = 2
    response = client.post("/metrics/", {"images": big()})
    left = len(response.wsgi_request.read())
    assert response.status_code == 413 and 900_000 < left < 1_100_000


@pytest.mark.parametrize("length", ["", "²", "-5", "abc"])
def test_an_odd_length_is_no_server_error(client, db, length):
    assert client.post("/", {}, CONTENT_LENGTH=length).status_code in (302, 400, 413)


def test_a_token_brings_more_than_a_stranger(alice):
    """The programming interface asks who sends a body before anything reads it."""
    problem(Caller(alice).post("images", {"images": big()}), 415, "refused")
    problem(Caller(alice, secret="wrong").post("images", {"images": big()}), 401, "token")
    assert Client().post("/api/v1/images", {"images": big()}).status_code == 413


def test_a_wrong_token_writes_nothing_to_the_disk(alice, no_file_is_written):
    problem(Caller(alice, secret="wrong").post("images", {"images": big()}), 401, "token")
