"""Small networks on small data: learning, chance on shuffled labels, resuming, bundles."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from classifier.detector.data import manifest
from classifier.detector.data.manifest import Row
from classifier.detector.errors import BundleError, DatasetError, DetectorError
from classifier.detector.images.preprocessing import Preprocessing
from classifier.detector.labels import CLASS_NAMES
from classifier.detector.networks.architectures import ARCHITECTURES, build
from classifier.detector.serving import bundle
from classifier.detector.training import runner
from classifier.detector.training.batches import Batches, Config
from classifier.detector.training.runner import train
from tests.pictures import photo
from tests.waves import dataset

pytestmark = pytest.mark.keras

QUICK = Config("cnn32", "quick", epochs=6, batch=16, learning_rate=3e-3, augment=False, label_smoothing=0, patience=10)


def test_the_original_network_has_its_17793_parameters():
    assert build("cnn32")[0].count_params() == 17_793


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_maps_pixels_to_one_logit_and_can_be_saved_without_pickled_code(name, tmp_path):
    model, spec = build(name)
    shape = (2, 2, spec.size, spec.size, 3) if spec.joint else (2, spec.size, spec.size, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    logits = keras.ops.convert_to_numpy(model(pixels))
    assert logits.shape == (2, 1) and np.isfinite(logits).all()
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    assert np.allclose(keras.ops.convert_to_numpy(again(pixels)), logits, atol=1e-5)


def test_an_unknown_architecture_is_refused():
    with pytest.raises(DetectorError, match=r"cnn32, .*fusion, mobilenet, .*patch.*'abacus'"):
        build("abacus")


def test_batches_are_balanced_and_repeat_with_their_seed(tmp_path):
    rows = dataset(tmp_path, 40)
    rows = [
        dataclasses.replace(row, split="train") for row in rows[:30] + [row for row in rows[30:] if row.label == "REAL"]
    ]
    spec = Preprocessing(view="whole", size=32, jpeg_quality=None)
    first, second = Batches(rows, spec, QUICK), Batches(rows, spec, QUICK)
    pixels, targets = first[0]
    assert pixels.shape == (16, 32, 32, 3) and targets.mean() == 0.5
    assert np.array_equal(pixels, second[0][0])
    first.on_epoch_end()
    assert not np.array_equal(first[0][0], pixels)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    rows, epochs = dataset(folder), []
    return rows, folder / "bundle", train(QUICK, rows, folder / "bundle", epochs.append).card, epochs


def test_a_network_learns_what_can_be_learned(trained):
    _, _, card, epochs = trained
    assert card.report["overall"]["accuracy"] >= 0.9
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3, 4, 5, 6]
    assert card.training["images"] == {"train": 72, "validation": 24, "test": 24}


def test_shuffled_labels_give_chance(tmp_path):
    card = train(
        dataclasses.replace(QUICK, epochs=4), dataset(tmp_path, 200, honest=False, seed=1), tmp_path / "bundle"
    ).card
    low, high = card.report["intervals"]["auroc"]
    assert low < 0.5 < high


def test_saved_and_loaded_gives_the_same_logits(trained):
    rows, folder, _, _ = trained
    one, two = bundle.load(folder), bundle.load(folder)
    with Image.open(rows[0].path) as image:
        views = one.views(image.convert("RGB"))
    assert one.logits([views]) == pytest.approx(two.logits([views]), abs=1e-6)
    model = keras.saving.load_model(folder / "model.keras")
    plain = keras.ops.convert_to_numpy(model(views.astype(np.float32))).mean()
    assert one.logits([views])[0] == pytest.approx(float(plain), abs=1e-4)


def test_many_images_in_one_batch_score_as_each_alone(trained):
    rows, folder, _, _ = trained
    loaded = bundle.load(folder)
    views = []
    for row in rows[:5]:
        with Image.open(row.path) as image:
            views.append(loaded.views(image.convert("RGB")))
    assert loaded.scores(views) == pytest.approx([float(loaded.scores([one])[0]) for one in views], abs=1e-5)
    assert loaded.scores([]).shape == (0,)


@pytest.mark.parametrize("view", ["whole", "crops", "both"])
def test_training_draws_the_pixels_that_serving_would_see(tmp_path, view):
    """One large picture, no scaled-down copy in the manifest: whole views must come out alike, crops come from it."""
    from classifier.detector.images.decoding import read_rgb
    from classifier.detector.images.preprocessing import prepare

    photo(600, 400).save(tmp_path / "a.png")
    spec = Preprocessing(view=view, size=64, grid=2, jpeg_quality=90)
    rows = [Row(str(tmp_path / "a.png"), label, "s", split="train") for label in CLASS_NAMES]
    served = prepare(read_rgb(tmp_path / "a.png"), spec)
    drawn = Batches(rows, spec, QUICK)[0][0]
    alike = [np.array_equal(pixels, served[0]) for pixels in drawn]
    assert {"whole": all(alike), "crops": not all(alike), "both": any(alike) and not all(alike)}[view]


def test_an_altered_model_is_refused(trained, tmp_path):
    import shutil

    shutil.copytree(trained[1], tmp_path / "b")
    with (tmp_path / "b" / "model.keras").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match="altered"):
        bundle.load(tmp_path / "b")


@pytest.mark.parametrize(
    "change", [{"format": 99}, {"classes": ["REAL", "FAKE"]}, {"preprocessing": {"zoom": 1}}, {"odd": 1}]
)
def test_a_foreign_card_is_refused(trained, tmp_path, change):
    card = json.loads((trained[1] / "bundle.json").read_text())
    (tmp_path / "bundle.json").write_text(json.dumps({**card, **change}))
    with pytest.raises(BundleError):
        bundle.read_card(tmp_path)


def test_a_missing_or_broken_card_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"bundle\.json"):
        bundle.read_card(tmp_path)
    (tmp_path / "bundle.json").write_text("{")
    with pytest.raises(BundleError):
        bundle.read_card(tmp_path)


def test_a_killed_run_goes_on_from_its_last_epoch(tmp_path, eager):
    rows, seen = dataset(tmp_path, 60), []

    class Killed(Exception):
        pass

    def kill(epoch):
        seen.append(epoch["epoch"])
        if epoch["epoch"] == 3:
            raise Killed

    with pytest.raises(Killed):
        train(QUICK, rows, tmp_path / "bundle", kill)
    card = train(QUICK, rows, tmp_path / "bundle", lambda epoch: seen.append(epoch["epoch"])).card
    assert seen in ([1, 2, 3, 4, 5, 6], [1, 2, 3, 3, 4, 5, 6])
    assert [entry["epoch"] for entry in card.report["history"]] == [1, 2, 3, 4, 5, 6]


def test_the_time_budget_stops_a_run(tmp_path, eager):
    card = train(dataclasses.replace(QUICK, minutes=0), dataset(tmp_path, 60), tmp_path / "bundle").card
    assert card.training["epochs_run"] == 1


def test_a_leak_is_refused_before_anything_is_trained(tmp_path):
    rows = dataset(tmp_path, 40)
    rows[0] = dataclasses.replace(rows[0], group=rows[-1].group)
    assert manifest.leaks(rows)
    with pytest.raises(DatasetError, match="cross splits"):
        train(QUICK, rows, tmp_path / "bundle")


def test_a_split_without_a_class_is_refused(tmp_path):
    rows = [row for row in dataset(tmp_path, 40) if row.label == "REAL" or row.split == "train"]
    with pytest.raises(DatasetError, match=r"validation.*no FAKE"):
        train(QUICK, rows, tmp_path / "bundle")


def test_training_starts_from_given_weights(trained, tmp_path, eager):
    rows, folder, _, _ = trained
    quick = dataclasses.replace(QUICK, epochs=1, learning_rate=1e-9, start=str(folder / "model.keras"))
    card = train(quick, rows, tmp_path / "bundle").card
    assert card.report["overall"]["accuracy"] >= 0.9
    assert card.training["start"] == "model.keras"
    with pytest.raises(DetectorError, match=r"nowhere\.tflite"):
        train(dataclasses.replace(QUICK, start="nowhere.tflite"), rows, tmp_path / "other")


def test_the_quantised_imagenet_weights_classify_as_in_tensorflow_lite():
    """Needs shared/data: the de-quantised network must agree with TensorFlow Lite on what it sees."""
    import tensorflow as tf

    from classifier.detector.networks.architectures import mobilenet
    from classifier.detector.training.initial_weights import _convolutions, load_start

    path = Path(__file__).parents[3] / "shared/data/pretrained/mobilenet_v2_1.0_224_quant.tflite"
    if not path.is_file():
        pytest.skip(f"no pretrained weights at {path}")
    model = mobilenet(224)
    load_start(model, str(path))
    features = keras.Model(model.input, model.layers[-3].output)
    kernel, bias = _convolutions(path)[-1]
    with pytest.warns(UserWarning, match="deprecated"):
        lite = tf.lite.Interpreter(model_path=str(path))
    lite.allocate_tensors()
    for seed in range(4):
        pixels = np.asarray(photo(224, 224, seed))[None]
        lite.set_tensor(lite.get_input_details()[0]["index"], pixels)
        lite.invoke()
        theirs = lite.get_tensor(lite.get_output_details()[0]["index"])[0]
        ours = keras.ops.convert_to_numpy(features(pixels.astype(np.float32)))[0] @ kernel[:, 0, 0].T + bias
        assert theirs.argmax() in np.argsort(ours)[-3:]


def test_progress_reports_are_complete(trained):
    assert {"epoch", "epochs", "seconds", "loss", "accuracy", "val_loss", "val_accuracy", "val_auroc"} <= set(
        trained[3][0]
    )
    assert runner.Config().architecture == "patch"
