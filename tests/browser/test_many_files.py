"""Batches in real Chromium: a folder, a zip, dropping and pasting."""

import io
import re
import zipfile

from tests.browser.people import sign_up
from tests.pictures import encoded, jpeg, photo

PASTE = """data => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  const carrier = new DataTransfer();
  carrier.items.add(new File([bytes], "image.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: carrier, bubbles: true }));
}"""
DROP = """data => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  const carrier = new DataTransfer();
  carrier.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
  for (const name of ["dragenter", "dragover", "drop"])
    document.querySelector("footer").dispatchEvent(
      new DragEvent(name, { dataTransfer: carrier, bubbles: true, cancelable: true }));
}"""


def picture(seed):
    import base64

    return base64.b64encode(encoded(photo(200, 160, seed), "PNG")).decode()


def test_a_folder_is_sent_in_small_requests_and_judged_on_its_own_page(page, tmp_path):
    sign_up(page, "folders")
    folder = tmp_path / "trip"
    (folder / "day 1").mkdir(parents=True)
    for number in range(23):
        (folder / "day 1" / f"{number:02}.jpg").write_bytes(jpeg(100 + number, 160, 120))
    (folder / "again.jpg").write_bytes(jpeg(100, 160, 120))
    (folder / "notes.txt").write_text("no picture")
    (folder / ".DS_Store").write_text("hidden")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(str(folder))
    page.get_by_text("25 images chosen.").wait_for()
    requests = []
    page.on("request", lambda request: requests.append(request.url) if "/files/" in request.url else None)
    page.get_by_role("button", name="Check 25 images").click()
    page.wait_for_url("**/batches/*/")
    assert len(requests) == 3
    assert page.get_by_role("heading", name="trip").is_visible()
    page.get_by_text(re.compile(r"^23 pictures: |^24 pictures: ")).wait_for(timeout=90_000)
    page.get_by_text("23 accepted, 1 duplicate, 1 refused: show").click()
    assert page.locator(".refusals").inner_text().startswith("trip/notes.txt: it is not an image")
    page.get_by_role("link", name="File").click()
    assert page.locator(".files td.name").first.inner_text() == "trip/again.jpg"
    page.get_by_role("link", name=re.compile("^Duplicates")).click()
    assert page.locator(".files tbody tr").count() == 1
    page.locator(".files td.name a").click()
    page.get_by_text("A hint, not proof.", exact=True).wait_for()


def test_a_zip_is_unpacked_while_its_page_counts(page, tmp_path):
    sign_up(page, "zipper")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(6):
            archive.writestr(f"set/{number}.jpg", jpeg(200 + number, 160, 120))
    (tmp_path / "set.zip").write_bytes(buffer.getvalue())
    page.locator('input[type="file"]').first.set_input_files(str(tmp_path / "set.zip"))
    page.get_by_label("Name of the batch").fill("Six of them")
    page.get_by_role("button", name="Check 1 image").click()
    page.wait_for_url("**/batches/*/")
    assert page.get_by_role("heading", name="Six of them").is_visible()
    page.evaluate("window.same = true")
    page.get_by_text(re.compile("^6 pictures: ")).wait_for(timeout=60_000)
    assert page.evaluate("window.same") is True


def test_pictures_are_pasted_and_dropped_anywhere_on_the_page(page):
    sign_up(page, "paster")
    page.evaluate(PASTE, picture(1))
    page.get_by_text("1 image chosen.").wait_for()
    assert re.search(r"pasted-\d{4}-.*\.png", page.locator(".chosen").inner_text())
    page.evaluate(DROP, picture(2))
    page.get_by_text("2 images chosen.").wait_for()
    page.get_by_role("button", name=re.compile("^Remove pasted")).click()
    page.get_by_role("button", name="Check 1 image").click()
    page.wait_for_url("**/images/**")
    assert page.get_by_role("heading", name="dropped.png").is_visible()
