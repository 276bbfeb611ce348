"""Who may sign up, what sign-up tells about others, and how often a password may be guessed."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from classifier.models import Invitation
from tests.test_accounts import sign_up


@pytest.fixture
def invited(settings, staff):
    settings.SIGNUP = "invited"
    return Invitation.objects.create(by=staff)


@pytest.fixture
def with_mail(settings):
    settings.ACCOUNT_EMAIL_VERIFICATION, settings.EMAIL_IS_SENT = "mandatory", True


def answer(response):
    """All that whoever signs up can see of the answer."""
    return response.status_code, response.get("Location"), sorted(response.cookies)


@pytest.mark.parametrize("email", ["alice@example.org", "ALICE@example.org"])
def test_sign_up_does_not_tell_which_addresses_exist(db, alice, email):
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=True)
    known = sign_up(Client(), username="mallory", email=email)
    unknown = sign_up(Client(), username="mallory2", email="nobody@example.org")
    assert answer(known) == answer(unknown) and known.url == "/"


def test_nor_does_it_with_a_mail_server_where_the_owner_is_told(db, alice, with_mail):
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=True)
    known = sign_up(Client(), username="mallory", email="alice@example.org")
    unknown = sign_up(Client(), username="mallory2", email="nobody@example.org")
    assert answer(known) == answer(unknown) and known.url == "/accounts/confirm-email/"
    assert not User.objects.filter(username="mallory").exists()
    assert [message.to for message in mail.outbox] == [["alice@example.org"], ["nobody@example.org"]]
    assert "already" in mail.outbox[0].subject.lower() or "already" in mail.outbox[0].body


def test_a_second_account_with_an_address_opens_nothing_of_the_first(db, alice, classified):
    client = Client()
    sign_up(client, username="mallory", email="alice@example.org")
    assert client.get(classified.get_absolute_url()).status_code == 404


def test_password_reset_does_not_tell_either(db, alice):
    answers = [
        answer(Client().post("/accounts/password/reset/", {"email": email}))
        for email in ("alice@example.org", "nobody@example.org")
    ]
    assert answers[0] == answers[1]
    assert [message.to for message in mail.outbox] == [["alice@example.org"]]


def test_with_a_mail_server_the_address_is_confirmed_before_the_first_log_in(client, db, with_mail):
    sign_up(client)
    assert client.get("/history/").status_code == 302
    link = next(word for word in mail.outbox[0].body.split() if "/accounts/confirm-email/" in word)
    client.post(link.removeprefix("http://testserver"))
    assert EmailAddress.objects.get().verified
    assert client.post("/accounts/login/", {"login": "carol", "password": "sun-and-moon-7"}).url == "/"


def test_a_mail_server_that_is_away_is_no_server_error(client, db, with_mail, monkeypatch):
    def away(*_, **__):
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", away)
    sign_up(client)
    assert "could not be sent just now" in client.get("/accounts/login/").content.decode()


def test_closed_means_closed(client, db, settings):
    settings.SIGNUP = "closed"
    assert "by invitation" in sign_up(client).content.decode()
    assert not User.objects.exists()
    assert "/accounts/signup/" not in client.get("/").content.decode()
    assert "/accounts/signup/" not in client.get("/accounts/login/").content.decode()


def test_an_invitation_makes_one_account(client, invited):
    sign_up(client)
    assert not User.objects.filter(username="carol").exists()
    other = Client()
    for each in (client, other):
        assert each.get(invited.get_absolute_url()).url == "/accounts/signup/"
    assert sign_up(client).url == "/"
    invited.refresh_from_db()
    assert invited.used_by.username == "carol"
    assert "by invitation" in sign_up(other, username="dave").content.decode()
    assert Client().get(invited.get_absolute_url()).status_code == 410


def test_two_who_use_an_invitation_at_the_same_moment_get_one_account(client, invited, monkeypatch):
    client.get(invited.get_absolute_url())
    monkeypatch.setattr("classifier.accounts.signing_up.use", lambda _: False)  # the other one was quicker
    assert sign_up(client).url == "/accounts/signup/"
    assert not User.objects.filter(username="carol").exists()


def test_an_invitation_for_an_address_is_for_that_address(client, invited):
    Invitation.objects.update(email="carol@example.org")
    assert client.get(invited.get_absolute_url()).url == "/accounts/signup/?email=carol%40example.org"
    assert "for carol@example.org" in sign_up(client, email="mallory@example.org").content.decode()
    assert sign_up(client, email="Carol@example.org").url == "/"


@pytest.mark.parametrize("change", [{"expires_at": timezone.now() - timedelta(days=1)}, {"used_at": timezone.now()}])
def test_an_invitation_ends(client, invited, change):
    Invitation.objects.update(**change)
    assert client.get(invited.get_absolute_url()).status_code == 410
    assert "by invitation" in sign_up(client).content.decode()


def test_staff_make_invitations_and_get_the_link(as_staff, settings):
    settings.EMAIL_IS_SENT = True
    data = {"email": "carol@example.org", "expires_at_0": "2999-01-01", "expires_at_1": "12:00"}
    page = as_staff.post("/admin/classifier/invitation/add/", data, follow=True).content.decode()
    link = f"http://testserver{Invitation.objects.get().get_absolute_url()}"
    assert link in page and "was sent to carol@example.org" in page
    assert mail.outbox[0].to == ["carol@example.org"] and link in mail.outbox[0].body


GUESSES = {
    "/account/delete/": "password",
    "/accounts/reauthenticate/": "password",
    "/accounts/password/change/": "oldpassword",
}


@pytest.mark.parametrize(("path", "field"), GUESSES.items())
def test_whoever_found_an_open_session_guesses_the_password_only_a_few_times(as_alice, path, field):
    new = {"password1": "sun-and-moon-7", "password2": "sun-and-moon-7"}
    statuses = [as_alice.post(path, {field: f"wrong-{n}", **new}).status_code for n in range(6)]
    assert statuses == [200] * 5 + [429]
    assert User.objects.filter(username="alice").exists()


def test_the_administrations_own_page_for_passwords_is_the_limited_one(as_staff):
    assert as_staff.get("/admin/password_change/").url == "/accounts/password/change/"


def test_signed_in_pages_are_kept_by_no_cache(as_alice, as_staff, classified, client):
    for page in ("/", "/history/", "/metrics/", classified.get_absolute_url(), "/account/delete/", "/nowhere/"):
        assert "no-store" in as_alice.get(page)["Cache-Control"], page
    assert "no-store" in as_staff.get("/admin/classifier/image/")["Cache-Control"]
    assert not client.get("/").has_header("Cache-Control")
