"""Plots: numbers land where they belong, nothing breaks on what is missing, files are SVG on their own."""

import xml.etree.ElementTree as ElementTree

import pytest

from classifier.detector.measuring import plots

HISTORY = [
    {"epoch": 1, "loss": 0.7, "val_loss": 0.8, "accuracy": 0.5, "val_accuracy": 0.4},
    {"epoch": 2, "loss": 0.5, "val_loss": 0.6, "accuracy": 0.75, "val_accuracy": 0.625},
]
REPORT = {
    "history": HISTORY,
    "confusion": {"real_as_real": 30, "real_as_fake": 10, "fake_as_fake": 15, "fake_as_real": 5},
    "roc": [[0, 0], [0.25, 0.75], [1, 1]],
    "overall": {"auroc": 0.8081},
}


def tree(svg):
    return ElementTree.fromstring(svg)


def points(svg, css):
    """Of the first line of a class; a second one is its key."""
    line = next(line for line in tree(svg).iter("polyline") if css in line.get("class"))
    return [tuple(map(float, point.split(","))) for point in line.get("points").split()]


def words(svg):
    return " ".join(tree(svg).itertext())


def test_a_falling_loss_falls_from_left_to_right():
    (x1, y1), (x2, y2) = points(plots.curve(HISTORY, "loss"), "training")
    assert x1 < x2 and y1 < y2  # y runs downwards
    assert points(plots.curve(HISTORY, "loss"), "validation")[0][1] < y1


def test_the_last_figures_are_said_to_screen_readers():
    label = tree(plots.curve(HISTORY, "accuracy")).get("aria-label")
    assert label == "accuracy by epoch; last: training images 0.750, held-out sources 0.625"


def test_each_line_has_its_name_above_the_drawing():
    svg = plots.curve(HISTORY, "loss")
    texts = {text.text: float(text.get("y")) for text in tree(svg).iter("text")}
    assert texts["training images"] == texts["held-out sources"] < min(y for _, y in points(svg, "validation"))


def test_a_layer_in_closed_form_is_drawn_by_sources():
    history = [{"sources": 4, "accuracy": 0.9}, {"sources": 20, "accuracy": 0.8}]
    svg = plots.curve(history, "accuracy")
    assert "sources trained on" in words(svg) and len(points(svg, "training")) == 2 and "validation" not in svg


def test_one_epoch_and_equal_values_are_drawn_too():
    [(x, y)] = points(plots.curve([{"epoch": 1, "loss": 0.5, "val_loss": None}], "loss"), "training")
    assert 0 < x < 320 and 0 < y < 190
    assert plots.curve([], "loss") == plots.curve([{"epoch": 1}], "loss") == plots.reliability([]) == ""


def test_the_confusion_matrix_says_counts_and_shares_of_the_row():
    svg = plots.confusion(REPORT["confusion"])
    for wanted in ("30", "75%", "10", "25%", "called real", "called AI"):
        assert wanted in words(svg)
    shades = [float(cell.get("fill-opacity")) for cell in tree(svg).iter("rect")]
    assert shades[0] == shades[3] > shades[1] == shades[2]


def test_the_roc_curve_lies_above_the_diagonal():
    svg = plots.roc(REPORT["roc"], 0.8081)
    _, (x, y), _ = points(svg, "roc")
    assert y < min(y for _, y in points(svg, "diagonal")) + (x - 30) * 10 and "AUROC 0.81" in words(svg)
    assert len(points(plots.roc([[0, 0], [None, 0.5], [1, 1]], None), "roc")) == 2


def test_honest_scores_end_on_the_diagonal():
    svg = plots.reliability([{"low": 0.5, "high": 1.0, "n": 7, "fake": 0.25}])
    [bar] = tree(svg).iter("rect")
    assert float(bar.get("height")) == pytest.approx(0.75 * 168, abs=0.2) and "75% real, n = 7" in words(svg)


def test_files_are_svg_of_their_own_with_the_colours_of_both_themes(tmp_path):
    paths = plots.write(REPORT, tmp_path)
    assert sorted(path.name for path in paths) == ["accuracy.svg", "confusion.svg", "loss.svg", "roc.svg"]
    for path in paths:
        text = path.read_text()
        assert tree(text).tag == "{http://www.w3.org/2000/svg}svg" and "prefers-color-scheme: dark" in text
        assert "<text" in text and "<script" not in text
    assert [path.name for path in plots.write({"confusion": REPORT["confusion"]}, tmp_path)] == ["confusion.svg"]


def test_nothing_that_is_drawn_needs_a_style_attribute():
    for name in plots.DRAWN:
        assert "style" not in plots.draw(REPORT, name)
