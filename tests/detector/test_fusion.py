"""The joint network: traces of pixels, the closed-form layer, and training that equals serving."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from classifier.detector.data.manifest import Row
from classifier.detector.images.decoding import read_rgb
from classifier.detector.images.preprocessing import Preprocessing, prepare
from classifier.detector.networks.architectures import build
from classifier.detector.networks.traces import SYMMETRIC, HighPass, Traces
from classifier.detector.serving import bundle
from classifier.detector.serving.bundle import Card, LoadedDetector
from classifier.detector.stats.ridge import balance, fit_ridge
from classifier.detector.training import linear
from classifier.detector.training.batches import Config
from classifier.detector.training.initial_weights import load_start
from classifier.detector.training.runner import train
from tests.pictures import photo

pytestmark = pytest.mark.keras

SPEC = Preprocessing(view="both", size=224, grid=1, jpeg_quality=90, joint=True)


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def squares(count=2, size=64, seed=0):
    return np.stack([np.asarray(photo(size, size, seed + index), np.float32) for index in range(count)])


@pytest.fixture(scope="module")
def fusion():
    return build("fusion")


def test_traces_are_square_roots_of_shares_that_add_up_to_one():
    found = array(Traces()(squares()))
    assert found.shape == (2, 11 * SYMMETRIC.shape[1]) and found.min() >= 0
    alike = SYMMETRIC.sum(axis=0)
    for statistic in np.split(found, 11, axis=1):
        assert np.allclose((statistic**2).sum(axis=1), 1, atol=1e-4)
    assert alike.sum() == 125


def test_traces_do_not_depend_on_mirroring_transposing_or_inverting_a_picture():
    """Mirrored, other rows are counted, so the shares differ by chance, as they do between halves of a picture."""
    pixels = squares(1, size=200)
    plain = array(Traces()(pixels))
    assert np.allclose(array(Traces()(pixels.transpose(0, 2, 1, 3))), plain, atol=1e-6)
    assert np.allclose(array(Traces()(255 - pixels)), plain, atol=0.01)
    mirrored = np.abs(array(Traces()(pixels[:, ::-1, ::-1])) - plain)
    other = np.abs(array(Traces()(squares(1, size=200, seed=5))) - plain)
    assert mirrored.mean() < 0.01 and mirrored.mean() < other.mean() / 3


def test_traces_tell_an_upsampled_picture_from_one_that_was_not():
    native = np.asarray(photo(64, 64, 1))
    doubled = np.asarray(Image.fromarray(native[:32, :32]).resize((64, 64), Image.Resampling.BILINEAR))
    one, two, other = array(Traces()(np.stack([native, doubled, np.asarray(photo(64, 64, 9))]).astype(np.float32)))
    assert np.abs(one - two).sum() > 3 * np.abs(one - other).sum()


def test_high_pass_keeps_detail_and_drops_flat_colour():
    flat = np.full((1, 16, 16, 3), 200, np.float32)
    assert np.allclose(array(HighPass()(flat)), 128)
    dot = flat.copy()
    dot[0, 8, 8] = 210
    assert array(HighPass()(dot))[0, 8, 8, 0] == pytest.approx(128 + 8 * (10 - 10 * 4 / 16))


def test_ridge_finds_the_direction_and_the_closed_form_solution():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5)).astype(np.float32) * [1, 2, 1, 1, 1]
    x = x.astype(np.float32)
    y = np.sign(x[:, 0] + 0.5).astype(np.float32)
    weights = rng.uniform(0.5, 1.5, 200).astype(np.float32)
    beta, bias = fit_ridge(x, y, weights, penalty=0.1)
    centre, middle = np.average(x, axis=0, weights=weights), np.average(y, weights=weights)
    centred = x - centre
    strength = 0.1 * (weights @ np.square(centred).sum(axis=1)) / 200
    exact = np.linalg.solve(
        centred.T @ (centred * weights[:, None]) + strength * np.eye(5), centred.T @ (weights * (y - middle))
    )
    assert beta == pytest.approx(exact, rel=1e-3, abs=1e-5)
    assert bias == pytest.approx(float(middle - centre @ exact), abs=1e-4)


def test_ridge_on_rows_that_are_all_alike_tells_nothing():
    targets = np.array([1, -1, 1, 1], np.float32)
    beta, bias = fit_ridge(np.ones((4, 3), np.float32), targets, np.ones(4, np.float32), penalty=0.1)
    assert not beta.any() and bias == pytest.approx(0.5)


def test_balance_gives_classes_the_same_weight_and_sources_the_root_of_their_size():
    rows = [Row("", "REAL", "big")] * 16 + [Row("", "REAL", "small")] * 4 + [Row("", "FAKE", "f")] * 5
    weights = balance(rows)
    assert weights.sum() == pytest.approx(25) and weights[:20].sum() == pytest.approx(12.5)
    assert weights[:16].sum() == pytest.approx(2 * weights[16:20].sum())


def test_small_pictures_are_mirrored_never_stretched():
    views = prepare(photo(100, 60), dataclasses.replace(SPEC, jpeg_quality=None))
    assert views.shape == (2, 224, 224, 3)
    assert np.array_equal(views[0][:60, :100], np.asarray(photo(100, 60)))
    assert np.array_equal(views[0][60:120, :100], np.asarray(photo(100, 60))[::-1])


def test_a_joint_network_scores_any_number_of_crops_as_their_mean(fusion):
    model, _ = fusion
    rng = np.random.default_rng(0)
    whole, one, two = rng.integers(0, 256, (3, 224, 224, 3)).astype(np.float32)
    part = keras.Model(model.input, model.get_layer("features").output)
    separate = (array(part(np.stack([whole, one])[None])) + array(part(np.stack([whole, two])[None]))) / 2
    together = array(part(np.stack([whole, one, two])[None]))
    assert together == pytest.approx(separate, abs=1e-3)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """REAL: noise at every pixel; FAKE: the same, upsampled by two. Two sources a class, one of each held out."""
    folder, made = tmp_path_factory.mktemp("pictures"), []
    rng = np.random.default_rng(0)
    for number in range(24):
        label = ("FAKE", "REAL")[number % 2]
        side = 128 if label == "FAKE" else 256
        noise = Image.fromarray(np.clip(128 + rng.normal(0, 20, (side, side, 3)), 0, 255).astype(np.uint8))
        path = folder / f"{number}.png"
        noise.resize((256, 256), Image.Resampling.BILINEAR).save(path)
        split = "train" if number < 12 else "validation" if number < 18 else "test"
        sha = f"{number:064x}"
        made.append(Row(str(path), label, f"s{number // 12}", sha256=sha, group=sha, split=split))
    return made


@pytest.fixture(scope="module")
def trained(rows, tmp_path_factory):
    folder, seen = tmp_path_factory.mktemp("fusion") / "bundle", []
    card = train(Config("fusion", "quick"), rows, folder, on_step=lambda done, total: seen.append((done, total))).card
    return folder, card, seen


def test_it_learns_in_one_pass_and_reports_progress(trained):
    folder, card, seen = trained
    assert card.report["overall"]["auroc"] == 1.0 and card.training["epochs_run"] == 0
    assert seen[-1] == (12, 12)
    assert {path.name for path in folder.iterdir()} == {"model.keras", "bundle.json"}


def test_the_saved_bundle_scores_a_file_as_training_did(trained, rows, fusion):
    """Training's features of a file through the fitted head, and the served score of the same file."""
    loaded = bundle.load(trained[0])
    spec = fusion[1]
    served = loaded.logits([loaded.views(read_rgb(rows[0].path))])
    part = keras.Model(loaded.model.input, loaded.model.get_layer("features").output)
    features = array(part(linear.views_of(rows[0], spec, copy=0, seed=0)[None].astype(np.float32)))
    assert served == pytest.approx(linear.logits_of(loaded.model, features.astype(np.float16)), abs=0.02)


def test_a_killed_extraction_goes_on_and_gives_the_same_features(rows, tmp_path, fusion):
    model, spec = fusion

    class Killed(Exception):
        pass

    def kill(done, total):
        raise Killed

    whole = np.array(linear.extract(model, spec, rows, tmp_path / "whole"))
    with pytest.raises(Killed):
        linear.extract(model, spec, rows[:-1], tmp_path / "part", on_step=kill)
    looked = []
    again = linear.extract(model, spec, rows, tmp_path / "whole", on_step=lambda done, total: looked.append(done))
    assert looked == [] and np.array_equal(again, whole)
    other = linear.extract(model, spec, rows[:8], tmp_path / "whole")
    assert np.allclose(other, whole[:8], atol=1e-2)


def test_augmented_copies_repeat_with_their_seed_and_differ_from_what_is_served(rows):
    one, same, other = (linear.views_of(rows[1], SPEC, copy=1, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert not np.array_equal(one, linear.views_of(rows[1], SPEC, copy=0, seed=0))


def test_a_batch_of_joint_views_scores_as_each_alone(fusion):
    model, spec = fusion
    detector = LoadedDetector(Card("v", "fusion", "", spec, 1.0, 0.4, 0.6, 0, {}, {}), model)
    views = [detector.views(photo(300, 200, seed)) for seed in range(3)]
    assert detector.logits(views) == pytest.approx([float(detector.logits([one])[0]) for one in views], abs=1e-4)
    assert detector.logits([]).shape == (0,)


def test_it_starts_from_the_network_of_another_bundle(trained):
    model = build("fusion")[0]
    load_start(model, str(trained[0] / "model.keras"))
    theirs = bundle.load(trained[0]).model.get_layer("levels").get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(model.get_layer("levels").get_weights(), theirs, strict=True))
