"""Heat maps: exact for the joint network's linear head, in the right place, translucent, within the picture."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

from classifier.detector.images.preprocessing import Preprocessing
from classifier.detector.networks.architectures import build
from classifier.detector.serving import heat_map
from classifier.detector.serving.bundle import Card, LoadedDetector
from tests.pictures import photo

pytestmark = pytest.mark.keras


def detector_of(name):
    model, spec = build(name)
    return LoadedDetector(Card("v", name, "", spec, 1.0, 0.4, 0.6, 0, {}, {}), model)


@pytest.fixture(scope="module")
def fusion():
    keras.utils.set_random_seed(0)
    return detector_of("fusion")


def test_the_shares_of_all_positions_add_up_to_the_logit_of_the_whole_view(fusion):
    views = fusion.views(photo(224, 224))
    heat = heat_map._of_levels(fusion.model, views[:1])
    part = keras.Model(fusion.model.input, fusion.model.get_layer("features").output)
    features = keras.ops.convert_to_numpy(part(views[None].astype(np.float32)))[0]
    width = fusion.model.get_layer("levels").output.shape[-1]
    kernel = fusion.model.get_layer("logit").get_weights()[0][:width, 0]
    mean, variance = (values[:width] for values in fusion.model.get_layer("standard").get_weights())
    wanted = float(((features[:width] - mean) / np.sqrt(variance)) @ kernel)
    assert heat.mean() == pytest.approx(wanted, abs=float(0.05 * np.abs(heat).mean() + 1e-3))


def test_the_hottest_region_is_where_the_evidence_is(fusion):
    """A head that only listens to one channel of an early block: the heat follows that channel's activation."""
    network = fusion.model.get_layer("levels")
    head, standard = fusion.model.get_layer("logit"), fusion.model.get_layer("standard")
    kept = head.get_weights()
    picture = np.full((224, 224, 3), 128, np.uint8)
    picture[:112, :112] = np.random.default_rng(0).integers(0, 256, (112, 112, 3))
    first = keras.Model(network.input, heat_map.block_outputs(network)[0])
    activity = keras.ops.convert_to_numpy(first(picture[None].astype(np.float32)))[0]
    channel = int(np.argmax(activity[:56, :56].mean(axis=(0, 1)) - activity[56:, 56:].mean(axis=(0, 1))))
    kernel = np.zeros_like(kept[0])
    kernel[channel] = 1
    try:
        head.set_weights([kernel, kept[1]])
        assert standard.get_weights()[0].max() == 0
        heat = heat_map.heat_map(fusion, np.stack([picture, picture]), (224, 224))
    finally:
        head.set_weights(kept)
    corner, rest = heat[:12, :12].mean(), heat[16:, 16:].mean()
    assert corner > rest


@pytest.mark.parametrize("name", ["cnn32", "patch", "mobilenet"])
def test_other_networks_have_a_map_too(name):
    detector = detector_of(name)
    heat = heat_map.heat_map(detector, detector.views(photo(300, 200)), (300, 200))
    assert heat.shape == (heat_map.SIDE, heat_map.SIDE) and np.isfinite(heat).all()


@pytest.mark.parametrize("size", [(300, 120), (120, 300), (60, 40)])
def test_the_mirrored_part_of_the_canvas_is_cut_off(fusion, size, monkeypatch):
    ramp = np.tile(np.arange(heat_map.SIDE, dtype=np.float32), (heat_map.SIDE, 1))
    monkeypatch.setattr(heat_map, "_of_levels", lambda model, squares: ramp)
    heat = heat_map.heat_map(fusion, fusion.views(photo(*size)), size)
    shown = min(1.0, size[0] * min(1, 224 / max(size)) / 224)
    assert heat.max() == pytest.approx(shown * heat_map.SIDE - 1, abs=1.1)


def test_the_picture_is_translucent_and_coloured_by_direction():
    heat = np.zeros((28, 28), np.float32)
    heat[:, :14], heat[:, 14:] = -2.0, 1.0
    with Image.open(io.BytesIO(heat_map.as_png(heat, (280, 140)))) as image:
        assert (image.mode, image.size, image.format) == ("RGBA", (280, 140), "PNG")
        left, right = image.getpixel((20, 70)), image.getpixel((260, 70))
    assert left == pytest.approx((*heat_map.TOWARDS_FAKE, heat_map.STRONGEST), abs=1)
    assert right == pytest.approx((*heat_map.TOWARDS_REAL, heat_map.STRONGEST / 2), abs=2)
    assert heat_map.as_png(np.zeros((28, 28), np.float32), (9, 9))


def test_views_of_crops_are_laid_out_as_they_were_cut():
    model, _ = build("patch")
    spec = Preprocessing(view="crops", size=96, grid=2, jpeg_quality=None)
    detector = LoadedDetector(Card("v", "patch", "", spec, 1.0, 0.4, 0.6, 0, {}, {}), model)
    assert heat_map.heat_map(detector, detector.views(photo(192, 192)), (192, 192)).shape == (28, 28)
