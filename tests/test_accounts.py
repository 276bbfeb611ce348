"""Sign-up, log in and out, limits, passwords, deletion of everything."""

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classifier.models import Image, Verdict
from tests.pictures import jpeg


def sign_up(client, **changes):
    data = {
        "username": "carol",
        "email": "carol@example.org",
        "password1": "sun-and-moon-7",
        "password2": "sun-and-moon-7",
    }
    return client.post("/accounts/signup/", {**data, **changes})


def test_sign_up_leads_straight_to_the_upload_page(client, db):
    response = sign_up(client)
    assert response.url == "/"
    assert "Check images" in client.get("/").content.decode()


def test_weak_passwords_and_taken_names_are_explained(client, alice):
    page = sign_up(client, password1="12345678", password2="12345678").content.decode()
    assert "too common" in page and "entirely numeric" in page
    assert "already exists" in sign_up(client, username="alice").content.decode()


@pytest.mark.parametrize("login", ["alice", "alice@example.org"])
def test_log_in_by_name_or_address(client, alice, login):
    response = client.post("/accounts/login/", {"login": login, "password": "alice-password-1"})
    assert response.url == "/"


def test_log_in_attempts_are_limited(client, alice):
    for _ in range(5):
        client.post("/accounts/login/", {"login": "alice", "password": "wrong"})
    response = client.post("/accounts/login/", {"login": "alice", "password": "alice-password-1"})
    assert response.status_code == 200
    assert "Too many failed attempts to log in. Wait 5 minutes, then try again" in response.content.decode()


def test_the_admins_log_in_is_the_same_limited_one(client, db):
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/accounts/login/")


def test_log_out(as_alice):
    as_alice.post("/accounts/logout/")
    assert "Create an account" in as_alice.get("/").content.decode()


def test_change_the_password(as_alice, alice):
    new = {"oldpassword": "alice-password-1", "password1": "sun-and-moon-7", "password2": "sun-and-moon-7"}
    as_alice.post("/accounts/password/change/", new)
    alice.refresh_from_db()
    assert alice.check_password("sun-and-moon-7")


def test_reset_a_forgotten_password_by_mail(client, alice):
    client.post("/accounts/password/reset/", {"email": "alice@example.org"})
    link = re.search(r"http://\S+(/accounts/password/reset/key/\S+)", mail.outbox[0].body).group(1)
    page = client.get(link, follow=True)
    client.post(page.request["PATH_INFO"], {"password1": "sun-and-moon-7", "password2": "sun-and-moon-7"})
    alice.refresh_from_db()
    assert alice.check_password("sun-and-moon-7")


def test_deleting_the_account_needs_the_password(as_alice, alice):
    page = as_alice.post("/account/delete/", {"password": "wrong"}).content.decode()
    assert "not your password" in page and User.objects.filter(pk=alice.pk).exists()
    assert "This field is required" in as_alice.post("/account/delete/", {}).content.decode()


def test_deleting_the_account_removes_rows_and_files_but_nobody_elses(
    classified, as_alice, as_bob, alice, settings, django_capture_on_commit_callbacks
):
    as_bob.post("/", {"images": [SimpleUploadedFile("bob.jpg", jpeg(4))]})
    with django_capture_on_commit_callbacks(execute=True):
        response = as_alice.post("/account/delete/", {"password": "alice-password-1"}, follow=True)
    assert "Your account and everything in it were deleted." in response.content.decode()
    assert not User.objects.filter(pk=alice.pk).exists() and not Verdict.objects.exists()
    assert Image.objects.get().name == "bob.jpg"
    files = [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]
    assert len(files) == 1


@pytest.mark.parametrize("page", ["login", "signup", "password/reset", "password/reset/done"])
def test_account_pages_look_like_the_rest(client, db, page):
    html = client.get(f"/accounts/{page}/").content.decode()
    assert 'class="brand"' in html and "css/site.css" in html


@pytest.mark.parametrize("page", ["email", "password/change", "logout", "reauthenticate"])
def test_account_pages_for_members_look_like_the_rest(as_alice, page):
    html = as_alice.get(f"/accounts/{page}/").content.decode()
    assert 'class="brand"' in html and "css/site.css" in html


def test_a_session_that_has_ended_is_sent_to_the_log_in(as_alice):
    as_alice.cookies.clear()
    assert as_alice.get("/history/").url == "/accounts/login/?next=/history/"
    assert Client().post("/history/delete/").url.startswith("/accounts/login/")
