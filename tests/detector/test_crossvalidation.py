import dataclasses

import pytest

from classifier.detector import crossvalidation
from classifier.detector.crossvalidation import crossvalidate, folds, two_class_sources
from classifier.detector.errors import DatasetError
from classifier.detector.manifest import Row, leaks
from tests.detector.test_training import QUICK, dataset


@pytest.fixture
def rows(tmp_path):
    """Three sources with both classes, and one with photographs alone."""
    made = dataset(tmp_path, 120)
    named = [dataclasses.replace(row, source=f"s{index // 40}", split="") for index, row in enumerate(made)]
    return [*named, Row(made[1].path, "REAL", "camera", sha256="c", group="c")]


def test_each_two_class_source_is_held_out_once_and_alone(rows):
    assert two_class_sources(rows) == ["s0", "s1", "s2"]
    seen = []
    for source, split in folds(rows):
        parts = {name: {row.source for row in split if row.split == name} for name in ("train", "validation", "test")}
        assert parts["test"] == {source} and len(parts["validation"]) == 1
        assert "camera" in parts["train"] and not parts["train"] & (parts["test"] | parts["validation"])
        assert not leaks(split)
        seen.append(source)
    assert seen == ["s0", "s1", "s2"]


def test_too_few_sources_are_refused(rows):
    with pytest.raises(DatasetError, match="at least three sources"):
        list(folds([row for row in rows if row.source != "s2"]))


def test_a_killed_run_goes_on_with_the_folds_that_are_missing(rows, tmp_path, monkeypatch):
    trained, real = [], crossvalidation.train
    monkeypatch.setattr(crossvalidation, "train", lambda *args: trained.append(args[2].name) or real(*args))
    config = dataclasses.replace(QUICK, epochs=4)
    first = crossvalidate(config, rows, tmp_path / "out")
    assert trained == ["s0", "s1", "s2"]
    assert [fold["n"] for fold in first["folds"]] == [40, 40, 40]
    assert first["mean"]["auroc"] > 0.8
    (tmp_path / "out/s1/bundle.json").unlink()
    again = crossvalidate(config, rows, tmp_path / "out")
    assert trained[3:] == ["s1"]
    assert again["folds"][0] == first["folds"][0]
