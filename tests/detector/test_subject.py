"""What is no photograph: drawn by code, told apart by a second head, without a verdict."""

from types import SimpleNamespace

import numpy as np
import pytest

from classifier.detector.data.drawings import drawing
from classifier.detector.data.manifest import Row
from classifier.detector.errors import BundleError
from classifier.detector.labels import INCONCLUSIVE, NOT_A_PHOTO
from classifier.detector.serving import subject
from classifier.detector.serving.judgement import judge
from classifier.detector.serving.subject import Subject
from classifier.detector.training import subject_head


def toy(rng, count, shift, width=8):
    features = rng.normal(size=(count, width))
    features[:, 0] += shift
    return features.astype(np.float16)


@pytest.fixture
def learned():
    rng = np.random.default_rng(0)
    rows, parts = [], []
    for place in range(10):
        for label, kind, shift in (("REAL", "photo", -2), ("FAKE", "photo", -2), ("FAKE", "art", 2)):
            rows += [Row(f"{place}{n}{kind}", label, f"s{place}", kind=kind) for n in range(40)]
            parts.append(toy(rng, 40, shift))
    return subject_head.fit(np.concatenate(parts), rows, toy(rng, 60, 3)), rng


def test_drawings_differ_by_seed_and_kind_and_are_the_same_every_time():
    some = [drawing(seed) for seed in range(14)]
    assert np.array_equal(np.asarray(drawing(5)), np.asarray(some[5]))
    assert len({np.asarray(image).tobytes() for image in some}) == 14
    assert all(image.mode == "RGB" and min(image.size) >= 64 for image in some)


def test_the_limit_lets_one_real_photograph_in_a_hundred_be_taken_for_something_else(learned):
    (head, figures), rng = learned
    assert figures["real"] == 400 and 0.005 <= figures["real_taken_for_other"] <= 0.015
    assert figures["art_found"] > 0.9
    assert head.is_other(toy(rng, 200, 3)).mean() > 0.9
    assert head.is_other(toy(rng, 200, -2)).mean() < 0.05


def test_the_head_is_kept_and_an_altered_one_is_refused(learned, tmp_path):
    (head, _), rng = learned
    digest = subject.write(tmp_path, head)
    features = toy(rng, 5, 0)
    assert np.allclose(subject.read(tmp_path, digest).distance(features), head.distance(features))
    (tmp_path / subject.FILE).write_bytes(b"something else")
    with pytest.raises(BundleError, match="altered"):
        subject.read(tmp_path, digest)
    (tmp_path / subject.FILE).unlink()
    with pytest.raises(BundleError, match="missing"):
        subject.read(tmp_path, digest)


class Sure:
    """A detector that is sure of everything, and takes the second of two pictures for a drawing."""

    card = SimpleNamespace(largest_jump=None, preprocessing=None, outcome=lambda score: "FAKE")

    def __init__(self, head):
        self.subject = head

    def see(self, images):
        return np.array([[-1.0], [1.0]])

    def scores_of(self, seen):
        return np.full(len(seen), 0.01)


def test_what_is_no_photograph_gets_no_verdict_however_sure_the_network_is(monkeypatch):
    monkeypatch.setattr("classifier.detector.serving.stability.changes", lambda spec: {})
    monkeypatch.setattr(
        "classifier.detector.serving.stability.stability", lambda detector, images, seen: np.zeros((len(images), 0))
    )
    one = np.ones(1, np.float32)
    pictures = [np.zeros(1, np.uint8)] * 2
    photo, other = judge(Sure(Subject(0 * one, one, one)), pictures)
    assert (photo.outcome, other.outcome, other.reason) == ("FAKE", INCONCLUSIVE, NOT_A_PHOTO)
    assert [judged.outcome for judged in judge(Sure(None), pictures)] == ["FAKE", "FAKE"]


@pytest.mark.keras
def test_the_shipped_detector_knows_pages_charts_and_windows_from_a_photograph():
    from classifier.detector.serving import bundle
    from classifier.registry import detectors
    from tests.pictures import photo

    loaded = bundle.load(detectors.shipped_folder("thorough"))
    drawn = [loaded.views(drawing(seed)) for seed in range(1000, 1007)]  # none of those it was fitted on
    assert loaded.subject.is_other(loaded.see(drawn)).all()
    assert 0 < loaded.card.report["subject"]["real_taken_for_other"] < 0.02
    reasons = [judged.reason for judged in judge(loaded, drawn)]
    assert reasons == [NOT_A_PHOTO] * 7
    assert loaded.views(photo(640, 480, 3)).shape == drawn[0].shape
