import math

import numpy as np
import pytest

from classifier.detector.data.manifest import Row
from classifier.detector.labels import CLASS_NAMES, outcome_of
from classifier.detector.measuring.evaluation import markdown, report
from classifier.detector.stats import calibration, classification

TARGETS = np.array([1, 1, 1, 0, 0, 0, 0, 0])
SCORES = np.array([0.9, 0.7, 0.4, 0.6, 0.3, 0.2, 0.1, 0.05])


def test_the_class_order_is_pinned():
    assert CLASS_NAMES == ("FAKE", "REAL")


def test_figures_by_hand():
    values = dict(classification.summary(TARGETS, SCORES))
    assert values["accuracy"] == 6 / 8
    assert values["precision"] == values["recall"] == values["f1"] == pytest.approx(2 / 3)
    assert values["balanced_accuracy"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert values["auroc"] == pytest.approx(14 / 15)
    assert values["real_called_fake"] == pytest.approx(1 / 3)


def test_ties_count_half_and_one_class_has_no_auroc():
    assert classification.auroc(np.array([0, 1, 0, 1]), np.full(4, 0.5)) == 0.5
    assert math.isnan(classification.auroc(np.ones(3), np.array([0.1, 0.2, 0.3])))


def test_the_roc_curve_ends_at_both_corners_and_its_area_is_the_auroc():
    rng = np.random.default_rng(0)
    targets, scores = rng.integers(0, 2, 300), rng.random(300).round(2)
    false, true = classification.roc_curve(targets, scores)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(classification.auroc(targets, scores))


def test_wilson_against_a_published_example():
    low, high = classification.wilson(81, 263)  # Newcombe 1998, table I: 0.2553 to 0.3662
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert classification.wilson(0, 0) == (0.0, 1.0)


def test_bootstrap_intervals_hold_the_value_and_shrink_with_n():
    rng = np.random.default_rng(1)

    def interval(n):
        targets = np.arange(n) % 2
        scores = np.clip(targets * 0.3 + rng.random(n) * 0.7, 0, 1)
        low, high = classification.bootstrap(targets, scores, ("auroc",), rounds=200)["auroc"]
        assert low < classification.auroc(targets, scores) < high
        return high - low

    assert interval(1000) < interval(60) / 2


def test_calibration_error_of_honest_and_of_boastful_scores():
    rng = np.random.default_rng(2)
    scores = rng.random(20_000)
    targets = (rng.random(20_000) < scores).astype(int)
    assert classification.calibration_error(targets, scores) < 0.02
    assert classification.calibration_error(np.arange(100) % 2, np.full(100, 0.99)) > 0.4


def test_the_temperature_that_was_planted_is_found():
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, 20_000)
    targets = (rng.random(20_000) < calibration.to_scores(logits)).astype(int)
    assert calibration.fit_temperature(targets, logits * 4) == pytest.approx(4, rel=0.1)


def test_thresholds_keep_their_promise_on_the_data_they_were_fitted_on():
    rng = np.random.default_rng(4)
    targets = np.arange(4000) % 2
    scores = calibration.to_scores(targets + rng.normal(-0.5, 1.2, 4000))
    fake_below, real_above = calibration.fit_thresholds(targets, scores)
    assert fake_below < 0.5 < real_above
    assert np.mean(scores[targets == 1] < fake_below) == pytest.approx(0.03, abs=0.005)
    assert np.mean(scores[targets == 0] > real_above) == pytest.approx(0.10, abs=0.005)


def test_a_detector_that_separates_the_classes_never_abstains():
    targets = np.arange(100) % 2
    fake_below, real_above = calibration.fit_thresholds(targets, np.where(targets == 1, 0.9, 0.2))
    assert 0.2 < fake_below == real_above < 0.9


def test_scores_stay_within_bounds_for_absurd_logits():
    scores = calibration.to_scores(np.array([-1e9, 0, 1e9]))
    assert scores[0] >= 0 and scores[1] == 0.5 and scores[2] <= 1 and np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("score", "said"), [(0.39, "FAKE"), (0.4, "INCONCLUSIVE"), (0.6, "INCONCLUSIVE"), (0.61, "REAL")]
)
def test_outcomes(score, said):
    assert outcome_of(score, 0.4, 0.6) == said


def test_the_report_is_plain_json_with_one_entry_a_source():
    import json

    rows = [Row(f"{n}", CLASS_NAMES[target], f"s{n % 2}") for n, target in enumerate(TARGETS)]
    measured = report(rows, SCORES, 0.4, 0.6)
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured
    assert [entry["source"] for entry in measured["sources"]] == ["s0", "s1"]
    wrong, right = {"real_called_fake": 0.0, "fake_called_real": 0.0}, measured["decided"]
    assert right == {"share": 0.75, "accuracy": 1.0, **wrong, "real_called_real": 0.6667, "fake_called_fake": 0.8}
    strict = report(rows, SCORES, 0.55, 0.8)["decided"]  # 0.4 REAL reads FAKE, 0.6 FAKE and 0.7 REAL are open
    open_ones = {"real_called_real": 0.3333, "fake_called_fake": 0.8}
    expected = {"share": 0.75, "accuracy": 0.8333, "real_called_fake": 0.3333, "fake_called_real": 0.0}
    assert strict == expected | open_ones
    assert measured["confusion"] == {"real_as_real": 2, "real_as_fake": 1, "fake_as_fake": 4, "fake_as_real": 1}
    assert "| s1 | 1 | 3 |" in markdown(measured, "title")


def test_each_generator_and_each_kind_of_photograph_with_what_it_was_called():
    subsets = [("FAKE", "pairs", "gpt")] * 4 + [("REAL", "phone", "fruit")] * 5 + [("REAL", "phone", "")]
    rows = [Row(f"{place}.jpg", *subset) for place, subset in enumerate(subsets)]
    scores = np.array([0.1, 0.1, 0.5, 0.9, 0.9, 0.9, 0.9, 0.5, 0.1, 0.1])
    measured = report(rows, scores, 0.3, 0.7)
    (generator,) = measured["generators"]
    assert (generator["generator"], generator["n"], generator["found"]) == ("pairs / gpt", 4, 0.75)
    assert (generator["called_fake"], generator["called_real"]) == (0.5, 0.25)
    (kind,) = measured["photographs"]
    assert (kind["photographs"], kind["n"], kind["called_fake"], kind["called_real"]) == ("phone / fruit", 5, 0.2, 0.6)
    assert kind["interval"][0] < 0.2 < kind["interval"][1]
    text = markdown(measured, "title")
    assert "| phone / fruit | 5 | 20% | 20% | 60% |" in text
    assert "| pairs / gpt | 4 | 50% | 25% | 25% |" in text
