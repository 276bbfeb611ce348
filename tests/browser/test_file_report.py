"""The page that `aidetect classify --html` writes, opened from the disk."""

from classifier.results import file_report
from classifier.results.file_report import FileRow
from tests.pictures import jpeg


def test_a_click_on_a_heading_sorts_and_another_one_turns_it_around(browser, tmp_path):
    rows = []
    for number, score in enumerate((0.2, 0.9, 0.05)):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(jpeg(number, 300, 200))
        rows.append(FileRow(str(path), "REAL", score, "network", "v1", 1, "", ""))
    file_report.write(tmp_path / "out.html", rows)
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "out.html").as_uri())
    shown = "[...document.querySelectorAll('tbody tr')].map((row) => row.cells[3].textContent)"
    assert page.evaluate(shown) == ["0.200", "0.900", "0.050"]
    page.get_by_role("button", name="Score").click()
    assert page.evaluate(shown) == ["0.050", "0.200", "0.900"]
    page.get_by_role("button", name="Score").click()
    assert page.evaluate(shown) == ["0.900", "0.200", "0.050"]
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.close()
