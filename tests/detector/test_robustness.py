"""Stability under mild changes, attacks and their detection, and the verdict that stands."""

import dataclasses

import numpy as np
import pytest

from classifier.detector.images.preprocessing import Preprocessing
from classifier.detector.measuring import attacks
from classifier.detector.networks.architectures import build
from classifier.detector.serving import judgement, stability
from classifier.detector.serving.bundle import Card, LoadedDetector
from classifier.detector.serving.judgement import judge
from tests.detector.test_training import QUICK
from tests.pictures import photo
from tests.waves import dataset

pytestmark = pytest.mark.keras


class Pretend:
    """A detector whose score is told by the brightness of the first pixel; counts how many images it was given."""

    subject = None

    def __init__(self, swayed=False):
        spec = Preprocessing(view="whole", size=32, jpeg_quality=None)
        self.card = Card("v", "cnn32", "", spec, 1.0, 0.4, 0.6, 0, {}, {})
        self.swayed, self.asked = swayed, []

    def see(self, images):
        first = len(self.asked) == 0
        self.asked.append(len(images))
        scores = np.array([[float(np.mean(views)) / 255] for views in images])
        return scores if first or not self.swayed else 1 - scores

    def scores_of(self, seen):
        return seen[..., 0]


def views(level):
    return np.full((1, 32, 32, 3), round(level * 255), np.uint8)


def test_only_verdicts_that_would_be_given_are_tested_for_stability():
    detector = Pretend()
    said = judge(detector, [views(0.9), views(0.5), views(0.1)])
    assert [one.outcome for one in said] == ["REAL", "INCONCLUSIVE", "FAKE"]
    assert [one.reason for one in said] == ["", judgement.BETWEEN, ""]
    assert list(said[0].stability) == list(stability.MILD) and said[1].stability == {}
    assert detector.asked == [3, 2 * len(stability.MILD)]


def test_a_verdict_that_mild_changes_overturn_is_not_given():
    [said] = judge(Pretend(swayed=True), [views(0.9)])
    assert (said.outcome, said.reason) == ("INCONCLUSIVE", judgement.UNSTABLE)
    assert max(said.stability.values()) < 0.5


def test_a_score_that_jumps_further_than_usual_gives_no_verdict_either():
    others = np.array([0.9, 0.999])
    assert stability.settled("REAL", 0.9, others) == "REAL"
    assert stability.settled("REAL", 0.9, others, largest_jump=5.0) == "REAL"
    assert stability.settled("REAL", 0.9, others, largest_jump=2.0) == "INCONCLUSIVE"


def test_nothing_is_asked_of_the_network_for_no_images():
    assert judge(LoadedDetectorWithoutNetwork(), []) == []


class LoadedDetectorWithoutNetwork(Pretend):
    def see(self, images):
        assert not images
        return np.zeros((0, 1))


@pytest.mark.parametrize("name", stability.MILD)
def test_each_mild_change_changes_little(name):
    picture = photo(96, 96)
    before, after = np.asarray(picture, int), np.asarray(stability.MILD[name](picture), int)
    assert after.shape == before.shape and 0 < np.abs(after - before).mean() < 12


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from classifier.detector.images.decoding import read_rgb
    from classifier.detector.serving import bundle
    from classifier.detector.training.runner import train

    folder = tmp_path_factory.mktemp("attacked")
    rows = dataset(folder, 160)
    train(dataclasses.replace(QUICK, epochs=6), rows, folder / "bundle")
    loaded = bundle.load(folder / "bundle")
    test = [row for row in rows if row.split == "test"]
    targets = np.array([row.label == "REAL" for row in test], int)
    return loaded, [loaded.views(read_rgb(row.path)) for row in test], targets


def test_attacks_stay_within_their_bound_and_lower_the_score_of_the_true_class(trained):
    loaded, images, targets = trained
    clean = loaded.logits(images)
    for steps in (1, 5):
        attacked = attacks.attack(loaded, images, targets, epsilon=8, steps=steps)
        assert max(np.abs(new.astype(int) - old).max() for new, old in zip(attacked, images, strict=True)) <= 8
        moved = (loaded.logits(attacked) - clean) * np.where(targets == 1, -1, 1)
        assert np.mean(moved > 0) > 0.9


def test_the_attack_report_says_what_happened_to_right_verdicts(trained):
    loaded, images, targets = trained
    report = attacks.attack_report(loaded, images, targets)
    assert [row["attack"] for row in report["attacks"]] == ["FGSM 2/255", "FGSM 8/255", "PGD 2/255", "PGD 8/255"]
    assert all(row["n"] >= 10 for row in report["attacks"])
    strength = [row["success"] for row in report["attacks"]]
    assert strength[3] >= strength[2] and all(0 <= share <= 1 for share in strength)
    assert 0 <= report["false_alarms"] <= 0.5 and report["limit"] > 0


@pytest.fixture(scope="module")
def detector():
    model, spec = build("fusion")
    return LoadedDetector(Card("v", "fusion", "", spec, 1.0, 0.4, 0.6, 0, {}, {}), model)


def test_joint_networks_can_be_attacked_through_what_is_differentiable(detector):
    picture = [detector.views(photo(240, 230))]
    clean = detector.logits(picture)[0]
    target = np.array([int(clean > 0)])
    [attacked] = attacks.attack(detector, picture, target, epsilon=2, steps=1)
    assert attacked.dtype == np.uint8 and 0 < np.abs(attacked.astype(int) - picture[0]).max() <= 2


def test_a_joint_network_looks_at_changed_crops_again_and_remembers_the_whole_view(detector):
    images = [detector.views(photo(300 + 40 * number, 280, seed=number)) for number in range(3)]
    seen = detector.see(images)
    copies = [copy for views in images for copy in stability.re_encoded(views, joint=True)]
    afresh = detector.see(copies).reshape(3, len(stability.MILD), -1)
    assert stability.stability(detector, images, seen) == pytest.approx(detector.scores_of(afresh), abs=1e-4)
    for place, (copy, views) in enumerate(zip(copies[: len(stability.MILD)], [images[0]] * 4, strict=True)):
        assert np.any(copy[1] != views[1])
        assert np.any(copy[0] != views[0]) == (place == stability.ON_EVERY_VIEW)
    again = detector.see_again(seen, [copies[0], copies[4], copies[8]])
    assert again[:, 0] == pytest.approx(afresh[:, 0], abs=1e-3) and np.abs(again[:, 0] - seen).max() > 0.01


def test_disagreement_is_the_largest_jump_of_the_log_odds():
    jumps = stability.disagreement(np.array([0.5, 0.9]), np.array([[0.5, 0.5], [0.9, 0.1]]))
    assert jumps == pytest.approx([0, 2 * np.log(9)])
