"""Somebody without an account, in real Chromium."""

import re

from tests.pictures import jpeg


def test_a_stranger_checks_one_picture_and_deletes_it(page, tmp_path):
    (tmp_path / "mine.jpg").write_bytes(jpeg(300, 600, 400))
    page.goto("/")
    page.locator('input[type="file"]').set_input_files(str(tmp_path / "mine.jpg"))
    page.get_by_text("1 image chosen.").wait_for()
    page.get_by_role("button", name="Check the picture").click()
    page.wait_for_url("**/images/**")
    page.get_by_text("A hint, not proof", exact=False).first.wait_for(timeout=90_000)
    assert page.get_by_role("link", name="Dispute", exact=True).count() == 0
    page.get_by_role("button", name="Delete it now").click()
    page.get_by_text("mine.jpg was deleted").wait_for()


def test_the_examples_are_verdicts_to_click(page):
    page.goto("/")
    page.get_by_role("link", name="The cat, painted by a neural network").click()
    page.wait_for_url("**/examples/painted/")
    assert page.locator(".verdict-word").inner_text().strip() == "AI-generated"
    page.get_by_text(re.compile("The metadata says")).first.wait_for()
    page.get_by_role("link", name="Privacy").click()
    page.get_by_role("heading", name="Privacy").wait_for()
