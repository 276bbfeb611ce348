"""What people do in a browser."""

from tests.browser.conftest import PASSWORD


def sign_up(page, name):
    page.goto("/accounts/signup/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Email").fill(f"{name}@example.org")
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    page.get_by_label("Password (again)").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_text("Choose images or drop them here").wait_for()


def log_in(page, name, password):
    page.goto("/accounts/login/")
    page.locator('[name="login"]').fill(name)
    page.locator('[name="password"]').fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("link", name="History").first.wait_for()
