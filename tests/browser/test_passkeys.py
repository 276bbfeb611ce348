"""Passkeys with Chromium's own virtual authenticator, under the Content-Security-Policy."""

import pytest

from tests.browser.conftest import PASSWORD
from tests.browser.people import sign_up


@pytest.fixture
def local(browser, stack):
    """A page at localhost: a passkey belongs to a name, never to a bare address."""
    address = stack.address.replace("127.0.0.1", "localhost")
    context = browser.new_context(base_url=address)
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield page
    context.close()
    assert not complaints


def log_out(page):
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log in").first.wait_for()


def test_a_passkey_is_added_and_then_opens_the_account_without_the_password(local):
    sign_up(local, "petra")
    local.goto("/accounts/2fa/")
    local.get_by_role("link", name="Add a key").click()
    local.get_by_label("Password").fill(PASSWORD)
    local.get_by_role("button", name="Confirm").click()
    assert local.get_by_label("without the password").is_checked()
    local.get_by_role("button", name="Add", exact=True).click()
    local.get_by_role("heading", name="Recovery codes").wait_for()
    log_out(local)
    local.goto("/accounts/login/")
    local.get_by_role("button", name="Log in with a passkey").click()
    local.get_by_text("Choose images or drop them here").wait_for()
    log_out(local)
    local.goto("/accounts/login/")
    local.locator('[name="login"]').fill("petra")
    local.locator('[name="password"]').fill(PASSWORD)
    local.get_by_role("button", name="Log in", exact=True).click()
    local.get_by_role("button", name="Use a passkey or security key").click()
    local.get_by_text("Choose images or drop them here").wait_for()
