"""Personal tokens: made, shown once, kept as a hash, revoked."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.accounts import tokens
from classifier.models import Scope, Token
from tests.api import Caller, problem

PAGE = "/account/tokens/"


def make(client, **changes):
    return client.post(PAGE, {"name": "my laptop", "scopes": ["read", "upload"], "days": 90, **changes})


def shown(response):
    return re.search(r'value="(aidetect_[\w-]{43})"', response.content.decode()).group(1)


def test_a_token_is_shown_once_and_works(as_alice, alice):
    response = make(as_alice)
    secret = shown(response)
    assert "no-store" in response["Cache-Control"]
    assert Caller(alice, secret=secret).get("token").json()["name"] == "my laptop"
    page = as_alice.get(PAGE).content.decode()
    assert "my laptop" in page and secret[-4:] in page and secret not in page


def test_only_a_hash_is_kept(as_alice):
    secret = shown(make(as_alice))
    row = Token.objects.values().get()
    assert all(secret not in str(value) and secret[9:] not in str(value) for value in row.values())


def test_a_token_is_revoked_by_its_owner_alone(as_alice, as_bob, alice):
    caller = Caller(alice, secret=shown(make(as_alice)))
    revoke = f"{PAGE}{Token.objects.get().pk}/revoke/"
    assert as_bob.post(revoke).status_code == 404 and caller.get("token").status_code == 200
    assert "nothing can use it any more" in as_alice.post(revoke, follow=True).content.decode()
    problem(caller.get("token"), 401, "token")
    assert as_alice.get(revoke).status_code == 405


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"scopes": []}, {"scopes": ["all"]}, {"days": 5000}, {"name": "\x00"}]
)
def test_a_token_needs_a_name_a_scope_and_an_end(as_alice, changes):
    assert make(as_alice, **changes).context["form"].errors
    assert not Token.objects.exists()


def test_nobody_sees_anothers_tokens(as_alice, as_bob):
    make(as_alice)
    assert "Your tokens" not in as_bob.get(PAGE).content.decode()


def test_there_are_only_so_many_at_a_time(alice, as_alice):
    for _ in range(tokens.MOST):
        tokens.create(alice, "one more", [Scope.READ], 30)
    assert "Revoke one" in make(as_alice).content.decode()
    Token.objects.update(expires_at=timezone.now())
    assert shown(make(as_alice))


def test_the_last_use_is_noted_once_a_minute(alice):
    caller = Caller(alice)
    caller.get("token")
    first = Token.objects.get().used_at
    caller.get("token")
    assert first and Token.objects.get().used_at == first
    Token.objects.update(used_at=timezone.now() - timedelta(hours=1))
    caller.get("token")
    assert Token.objects.get().used_at > first


def test_tokens_go_with_the_account(as_alice):
    make(as_alice)
    as_alice.post("/account/delete/", {"password": "alice-password-1"})
    assert not Token.objects.exists()


def test_the_page_wants_a_log_in(client, db):
    assert client.get(PAGE).url.startswith("/accounts/login/")
