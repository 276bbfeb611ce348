"""The closed-form head of a transformer, and the cache of its features."""

import numpy as np
import pytest

from classifier.detector.data.manifest import Row
from classifier.detector.training import linear, token_head
from classifier.detector.training.feature_cache import FeatureCache

pytestmark = pytest.mark.keras


def rows_of(source, fake, real):
    labels = ["FAKE"] * fake + ["REAL"] * real
    return [Row(f"{source}-{n}.jpg", label, source, sha256=f"{source}-{n}") for n, label in enumerate(labels)]


def collection(rng):
    """Feature 0 is the topic, which tells one-class sources apart; feature 1 is what generation leaves."""
    rows, features = [], []
    for number, (fake, real) in enumerate([(40, 40), (30, 50), (60, 0), (0, 60)]):
        mine = rows_of(f"source-{number}", fake, real)
        topic = {2: -4.0, 3: 4.0}.get(number, rng.normal())
        signs = np.array([1.0 if row.label == "REAL" else -1.0 for row in mine])
        x = rng.normal(size=(len(mine), 6)) * 0.3
        x[:, 0] += topic
        x[:, 1] += signs
        rows += mine
        features.append(x)
    return rows, np.concatenate(features).astype(np.float16)


def test_what_tells_classes_apart_within_sources_is_learnt_not_the_topic():
    rows, features = collection(np.random.default_rng(0))
    _, _, beta, _ = token_head.fit(features, rows)
    assert beta[1] > 5 * abs(beta[0])


def test_the_intercept_lies_between_the_classes_of_two_class_sources():
    rng = np.random.default_rng(1)
    rows, features = collection(rng)
    mean, deviation, beta, bias = token_head.fit(features, rows)
    logits = np.clip((features.astype(np.float32) - mean) / deviation, -6, 6) @ beta + bias
    for label, sign in (("REAL", 1), ("FAKE", -1)):
        here = [row.source in ("source-0", "source-1") and row.label == label for row in rows]
        assert np.mean(np.sign(logits[here]) == sign) > 0.9


def test_features_are_computed_once(tmp_path):
    cache = FeatureCache(tmp_path, {"encoder": "a"}, 3)
    assert cache.missing(["one", "two"]) == [0, 1]
    cache.add(["one", "two"], np.arange(6).reshape(2, 3))
    again = FeatureCache(tmp_path, {"encoder": "a"}, 3)
    assert again.missing(["two", "three", "one"]) == [1]
    again.add(["three"], np.full((1, 3), 9))
    assert again.get(["three", "one"]).tolist() == [[9, 9, 9], [0, 1, 2]]
    assert FeatureCache(tmp_path, {"encoder": "b"}, 3).missing(["one"]) == [0], "another encoder, other features"


@pytest.mark.parametrize("torn", ["names", "values"])
def test_a_process_that_is_killed_while_writing_loses_only_what_it_was_writing(tmp_path, torn):
    cache = FeatureCache(tmp_path, {"encoder": "a"}, 3)
    cache.add(["one", "two"], np.arange(6).reshape(2, 3))
    path = cache.names if torn == "names" else cache.values
    path.write_bytes(path.read_bytes()[:-2])
    again = FeatureCache(tmp_path, {"encoder": "a"}, 3)
    assert again.missing(["one", "two"]) == [1]
    again.add(["two"], np.full((1, 3), 7))
    assert FeatureCache(tmp_path, {"encoder": "a"}, 3).get(["two", "one"]).tolist() == [[7, 7, 7], [0, 1, 2]]


def test_only_new_pictures_are_shown_to_the_network(tmp_path, monkeypatch):
    from classifier.detector.images.preprocessing import Preprocessing
    from tests.detector.test_encoder import TINY, vit

    model = vit.vit(TINY, "float32")
    spec = Preprocessing(view="middle", size=32, grid=1, jpeg_quality=None, joint=True)
    shown = []

    def views_of(row, *rest):
        shown.append(row.sha256)
        return np.full((1, 32, 32, 3), len(row.sha256), np.uint8)

    monkeypatch.setattr(linear, "views_of", views_of)
    rows = rows_of("a", 5, 5)
    first = linear.extract_cached(model, spec, rows, tmp_path, "sha")
    assert first.shape == (10, 1, 96) and len(shown) == 10
    more = linear.extract_cached(model, spec, [*rows, *rows_of("b", 1, 2)], tmp_path, "sha")
    assert len(shown) == 13 and np.array_equal(more[:10], first)
