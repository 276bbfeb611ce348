"""Two plans of holding sources out, figures that never use what they report on, and runs that go on after a kill."""

import dataclasses
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from classifier.detector.data.manifest import Row, leaks
from classifier.detector.errors import DatasetError
from classifier.detector.measuring import file_baseline, heldout
from classifier.detector.measuring.heldout import group_folds, headline_folds, held_out, source_folds, two_class_sources
from classifier.detector.training.runner import predictor
from tests.detector.test_training import QUICK
from tests.waves import dataset

pytestmark = pytest.mark.keras


@pytest.fixture
def rows(tmp_path):
    """Three sources with both classes, and one with photographs alone."""
    made = dataset(tmp_path, 120)
    named = [dataclasses.replace(row, source=f"s{index // 40}", split="") for index, row in enumerate(made)]
    return [*named, Row(made[1].path, "REAL", "camera", sha256="c", group="c")]


def pretend(count=12, size=20, shift=1.0, seed=0):
    """Rows of `count` two-class sources without files, and logits that tell the classes apart by `shift`."""
    rng = np.random.default_rng(seed)
    rows = [
        Row("", label, f"s{source}", subset=f"g{source}" if label == "FAKE" else "", sha256=f"{source}-{label}-{index}",
            group=f"{source}-{label}-{index}", format="JPEG", width=640, height=480, quality=90)
        for source in range(count) for label in ("REAL", "FAKE") for index in range(size)
    ]  # fmt: skip
    logits = np.array([(shift if row.label == "REAL" else -shift) + rng.normal() for row in rows])
    return rows, logits


def test_each_two_class_source_is_held_out_once_and_alone(rows):
    assert two_class_sources(rows) == ["s0", "s1", "s2"]
    seen = []
    for source, split in headline_folds(rows):
        parts = {name: {row.source for row in split if row.split == name} for name in ("train", "validation", "test")}
        assert parts["test"] == {source} and len(parts["validation"]) == 1
        assert "camera" in parts["train"] and not parts["train"] & (parts["test"] | parts["validation"])
        assert not leaks(split)
        seen.append(source)
    assert seen == ["s0", "s1", "s2"]


def test_too_few_sources_are_refused(rows):
    with pytest.raises(DatasetError, match="at least three sources"):
        list(headline_folds([row for row in rows if row.source != "s2"]))


def test_all_sources_in_five_parts_each_held_out_once_with_its_generators():
    rows, _ = pretend()
    rows.append(dataclasses.replace(rows[-1], source="s0", subset="g11", sha256="x", group="x"))  # a shared generator
    tested = []
    for _, split in source_folds(rows):
        parts = {name: [row for row in split if row.split == name] for name in ("train", "validation", "test")}
        sources = {name: {row.source for row in part} for name, part in parts.items()}
        assert all(sources.values()) and not sources["test"] & (sources["train"] | sources["validation"])
        unseen = {row.subset for row in parts["test"] if row.label == "FAKE"}
        assert not unseen & {row.subset for row in parts["train"] + parts["validation"] if row.label == "FAKE"}
        assert not leaks(split)
        tested += [row.sha256 for row in parts["test"]]
    assert sorted(tested) == sorted(row.sha256 for row in rows)


def test_inside_a_source_groups_stay_together_and_each_image_is_tested_once():
    rows, _ = pretend(count=2)
    rows = [dataclasses.replace(row, group=row.group[:-1]) for row in rows]  # ten images a group at most
    tested = []
    for _, split in group_folds(rows, "s1"):
        assert {row.source for row in split} == {"s1"} and not leaks(split)
        tested += [row.sha256 for row in split if row.split == "test"]
    assert sorted(tested) == sorted(row.sha256 for row in rows if row.source == "s1")
    with pytest.raises(DatasetError, match="source s9"):
        list(group_folds(rows, "s9"))


def test_a_killed_run_goes_on_with_the_folds_that_are_missing(rows, tmp_path, eager):
    asked, folder = [], tmp_path / "out"
    real = predictor(dataclasses.replace(QUICK, epochs=4), folder)

    def predict(name, split):
        asked.append(name)
        return real(name, split)

    tested, logits = held_out(headline_folds(rows), predict, folder)
    assert asked == ["s0", "s1", "s2"]
    figures = heldout.headline(tested, logits)
    assert [fold["n"] for fold in figures["folds"]] == [40, 40, 40] and figures["mean"]["auroc"] > 0.8
    (folder / "s1.json").unlink()
    again, same = held_out(headline_folds(rows), predict, folder)
    assert asked[3:] == ["s1"] and again == tested and same == pytest.approx(logits, abs=1e-4)


def test_figures_follow_the_separation_and_carry_intervals():
    for shift, low, high in ((0.0, 0.4, 0.6), (2.0, 0.97, 1.0)):
        figures = heldout.headline(*pretend(shift=shift))
        edges = figures["intervals"]["auroc"]
        assert edges[0] < figures["mean"]["auroc"] < edges[1]
        assert low <= figures["mean"]["auroc"] <= high


def test_the_thresholds_of_a_source_are_fitted_on_the_others():
    """One source whose every logit is far too low: were its own logits used, its real images would not be accused."""
    rows, logits = pretend(shift=2.0)
    odd = np.array([row.source == "s3" for row in rows])
    logits[odd] -= 6
    report = heldout.overall(rows, logits)
    accused = {row["source"]: row["real_called_fake"] for row in report["sources"]}
    assert accused["s3"] > 0.8 and max(share or 0 for name, share in accused.items() if name != "s3") < 0.3


def test_the_reliability_table_counts_every_image_once_and_falls_with_the_score():
    rows, logits = pretend(shift=1.0)
    table = heldout.reliability(rows, logits)["reliability"]
    assert sum(row["n"] for row in table) == len(rows)
    assert table[0]["low"] == 0 and table[-1]["high"] == 1
    assert all(one["high"] == two["low"] for one, two in pairwise(table))
    assert table[0]["fake"] > 0.8 and table[-1]["fake"] < 0.2


def test_trivial_features_find_a_planted_shortcut_and_nothing_else():
    rows, _ = pretend()
    honest = heldout.headline(*held_out_in_memory(rows))["mean"]["auroc"]
    planted = [dataclasses.replace(row, format="PNG" if row.label == "FAKE" else "JPEG") for row in rows]
    assert honest == pytest.approx(0.5, abs=0.01)
    assert heldout.headline(*held_out_in_memory(planted))["mean"]["auroc"] > 0.99


def held_out_in_memory(rows):
    with tempfile.TemporaryDirectory() as folder:
        return held_out(headline_folds(rows), file_baseline.predict, Path(folder))


def test_the_report_in_words_names_everything_that_was_measured():
    rows, logits = pretend()
    measured = {
        "architecture": "fusion",
        "headline": heldout.headline(rows, logits),
        "sources": heldout.overall(rows, logits),
        "reliability": heldout.reliability(rows, logits),
        "baselines": {"cnn32": {part: {"auroc": 0.51, "balanced_accuracy": 0.5} for part in ("headline", "sources")}},
        "tiers": {"web": {"auroc": 0.7, "balanced_accuracy": 0.65}},
    }  # fmt: skip
    text = heldout.markdown(measured)
    for wanted in ("| cnn32 | 0.51 |", "| web | 0.7 |", "| s11 |", "| s0 / g0 |", "Reliability", "95 % interval"):
        assert wanted in text
