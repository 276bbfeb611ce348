"""keras.applications as architectures: they serve, are saved, begin from ImageNet where it can be reached, explain."""

import keras
import numpy as np
import pytest

from classifier.detector.errors import DetectorError
from classifier.detector.networks.architectures import APPLICATIONS, build
from classifier.detector.serving import heat_map
from classifier.detector.serving.bundle import Card, LoadedDetector, read_model
from classifier.detector.training import initial_weights
from tests.pictures import photo

pytestmark = pytest.mark.keras


@pytest.fixture(params=APPLICATIONS, scope="module")
def built(request):
    """Built once for all its tests: one of them gives it other random weights, which the others do not mind."""
    keras.utils.set_random_seed(1)
    return build(request.param)


def batch():
    return np.stack([np.asarray(photo(224, 224, seed), np.float32) for seed in range(2)])


def test_it_gives_one_logit_a_square_and_survives_saving(built, tmp_path):
    model, _ = built
    logits = np.asarray(model(batch(), training=False))
    model.save(tmp_path / "model.keras")
    assert logits.shape == (2, 1) and np.isfinite(logits).all()
    assert np.asarray(read_model(tmp_path / "model.keras")(batch(), training=False)) == pytest.approx(logits, abs=1e-5)


def test_imagenet_weights_reach_the_layers_they_belong_to(built, monkeypatch):
    model, _ = built
    name, scaling = APPLICATIONS[model.name]
    keras.utils.set_random_seed(2)
    source = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(224, 224, 3))
    monkeypatch.setattr(keras.applications, name, lambda **options: source)
    logit = model.get_layer("logit").get_weights()
    initial_weights.load_start(model, "imagenet")
    pixels = batch()
    scaled = {"-1…1": pixels / 127.5 - 1, "own": pixels}.get(scaling)
    if scaled is None:
        scaled = pixels[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)
    pooled = np.asarray(source(scaled, training=False)).mean(axis=(1, 2))
    wanted = pooled @ logit[0] + logit[1]
    assert np.asarray(model(pixels, training=False)) == pytest.approx(wanted, rel=1e-3, abs=1e-3)


def test_without_the_network_it_says_what_to_do(built, monkeypatch):
    def unreachable(**options):
        raise OSError("no route to host")

    model, _ = built
    monkeypatch.setattr(keras.applications, APPLICATIONS[model.name][0], unreachable)
    with pytest.raises(DetectorError, match=r"no route to host.*begin from a file"):
        initial_weights.load_start(model, "imagenet")


def test_imagenet_is_not_for_networks_of_our_own():
    with pytest.raises(DetectorError, match="mobilenetv2"):
        initial_weights.load_start(build("patch")[0], "imagenet")


def test_its_heat_map_has_positions(built):
    model, spec = built
    detector = LoadedDetector(Card("v", model.name, "", spec, 1.0, 0.4, 0.6, 0, {}, {}), model)
    picture = photo(300, 240)
    heat = heat_map.heat_map(detector, detector.views(picture), picture.size)
    assert heat.shape == (28, 28) and heat.std() > 0
