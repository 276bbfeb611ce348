"""The second step at log-in: an authenticator app, recovery codes, and the setting that staff need one."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client

SECRET = "JBSWY3DPEHPK3PXP"


def code_of(secret=SECRET):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@pytest.fixture
def alices_app(alice):
    TOTP.activate(alice, SECRET)
    return RecoveryCodes.activate(alice)


def with_password(client, user="alice"):
    return client.post("/accounts/login/", {"login": user, "password": f"{user}-password-1"})


def confirm(client):
    """What allauth asks for before it changes a second factor."""
    client.post("/accounts/reauthenticate/", {"password": "alice-password-1"})


def test_an_app_is_set_up_with_the_password_and_a_first_code(alice, client):
    with_password(client)
    confirm(client)
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = re.search(r'value="([A-Z2-7]{32})"', page).group(1)
    assert 'src="data:image/svg+xml;base64,' in page and 'class="brand"' in page
    wrong = client.post("/accounts/2fa/totp/activate/", {"code": "000000"})
    assert "Incorrect code" in wrong.content.decode()
    done = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert done.url == "/accounts/2fa/recovery-codes/"
    assert {row.type for row in Authenticator.objects.filter(user=alice)} == {"totp", "recovery_codes"}


def test_setting_one_up_asks_for_the_password_again_in_an_old_session(as_alice):
    assert as_alice.get("/accounts/2fa/totp/activate/").url.startswith("/accounts/reauthenticate/")


def test_the_password_alone_opens_nothing(client, alices_app):
    assert with_password(client).url == "/accounts/2fa/authenticate/"
    assert client.get("/history/").status_code == 302
    assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert client.post("/accounts/2fa/authenticate/", {"code": code_of()}).url == "/"
    assert client.get("/history/").status_code == 200


def test_a_code_works_once(alices_app):
    for client, works in ((Client(), True), (Client(), False)):
        with_password(client)
        assert (client.post("/accounts/2fa/authenticate/", {"code": code_of()}).status_code == 302) is works


def test_a_recovery_code_works_once(alices_app):
    code = alices_app.get_unused_codes()[0]
    for client, works in ((Client(), True), (Client(), False)):
        with_password(client)
        assert (client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302) is works


def test_codes_are_guessed_only_a_few_times(client, alices_app):
    with_password(client)
    for _ in range(5):
        client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    page = client.post("/accounts/2fa/authenticate/", {"code": code_of()})
    assert page.status_code == 200 and "Too many" in page.content.decode()


def test_wrong_codes_are_logged(client, alices_app, caplog):
    with_password(client)
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    [record] = [record for record in caplog.records if "failed second step" in record.message]
    assert "'alice'" in record.message and "127.0.0.1" in record.message and "000000" not in record.message


def test_staff_see_that_there_is_an_app_but_not_its_secret_and_can_remove_it(as_staff, alices_app, alice):
    row = Authenticator.objects.get(user=alice, type="totp")
    page = as_staff.get(f"/admin/mfa/authenticator/{row.pk}/change/").content.decode()
    assert "alice" in page and SECRET not in page and "secret" not in page
    as_staff.post(f"/admin/mfa/authenticator/{row.pk}/delete/", {"post": "yes"})
    assert not Authenticator.objects.filter(type="totp").exists()


@pytest.mark.parametrize("path", ["/", "/admin/", "/history/", "/admin/classifier/image/review/"])
def test_staff_need_one_where_the_setting_says_so(as_staff, staff, as_alice, settings, path):
    assert as_staff.get(path).status_code == 200
    settings.STAFF_SECOND_FACTOR = True
    assert as_staff.get(path).url == "/accounts/2fa/"
    assert as_staff.post(path).url == "/accounts/2fa/"
    assert "Staff of this site need a second step" in as_staff.get("/accounts/2fa/").content.decode()
    assert as_alice.get("/").status_code == 200
    TOTP.activate(staff, SECRET)
    assert as_staff.get(path).status_code == 200


def test_staff_who_have_one_are_asked_for_it_on_the_way_to_the_administration(client, staff, settings):
    settings.STAFF_SECOND_FACTOR = True
    TOTP.activate(staff, SECRET)
    client.get("/admin/", follow=True)
    assert with_password(client, "staff").url == "/accounts/2fa/authenticate/"
    assert client.get("/admin/").status_code == 302
    cache.clear()
    client.post("/accounts/2fa/authenticate/", {"code": code_of()})
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("page", ["", "totp/activate/", "webauthn/", "webauthn/add/", "recovery-codes/"])
def test_its_pages_look_like_the_rest_and_run_no_script_of_their_own(client, alices_app, alice, page):
    if "totp" in page:
        Authenticator.objects.filter(user=alice).delete()
    with_password(client)
    client.post("/accounts/2fa/authenticate/", {"code": code_of()})
    confirm(client)
    html = client.get(f"/accounts/2fa/{page}").content.decode()
    assert 'class="brand"' in html and "css/site.css" in html
    inline = re.findall(r"<script(?![^>]*(?:src=|application/json))", html)
    assert not inline and " style=" not in html and " onclick=" not in html
