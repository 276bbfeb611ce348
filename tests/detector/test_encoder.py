"""The transformer whose weights come from elsewhere: computed rightly, stored as int8, found by its SHA-256."""

import dataclasses

import numpy as np
import pytest

from classifier.detector.errors import EncoderError
from classifier.detector.networks import encoder_file, vit
from classifier.detector.networks.encoder_sources import read_clip
from classifier.detector.serving import bundle, heat_map
from classifier.detector.serving.bundle import SHIPPED_ENCODERS, LoadedDetector
from tests.pictures import photo

pytestmark = pytest.mark.keras

TINY = vit.Shape(blocks=4, width=24, heads=3, size=32, patch=8, hidden=48)
SHIPPED = SHIPPED_ENCODERS / "clip-vit-b16-8.npz"


def random_weights(shape, seed=0):
    rng = np.random.default_rng(seed)
    weights = {}
    for name, size in vit.weight_shapes(shape).items():
        spread = 1 / np.sqrt(size[0]) if len(size) == 2 else 0.1
        weights[name] = (rng.normal(size=size) * spread + (1.0 if name.endswith("scale") else 0.0)).astype(np.float32)
    return weights


def network_of(shape, weights, policy="float32"):
    network = vit.encoder(shape, policy)
    vit.fill(network, shape, weights)
    return network


def norm(x, weights, name, epsilon):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return x * weights[f"{name}.scale"] + weights[f"{name}.offset"]


def by_numpy(shape, weights, pixels):
    """The encoder once more, with matrix products alone: (size, size, 3) pixels → the tokens after each block."""
    side, p, width = shape.size // shape.patch, shape.patch, shape.width
    x = (pixels / 255 - np.array(shape.mean)) / np.array(shape.deviation)
    patches = x.reshape(side, p, side, p, 3).transpose(0, 2, 1, 3, 4).reshape(side * side, -1)
    x = patches @ weights["patch.kernel"] + weights["patch.bias"]
    x = np.concatenate([weights["class_token"][None], x]) + weights["positions"]
    x = norm(x, weights, "before", shape.epsilon)
    blocks = []
    for number in range(shape.blocks):

        def dense(y, part, number=number):
            return y @ weights[f"block{number}.{part}.kernel"] + weights[f"block{number}.{part}.bias"]

        qkv = dense(norm(x, weights, f"block{number}.norm1", shape.epsilon), "qkv")
        heads = []
        for head in range(shape.heads):
            q, k, v = (
                qkv[:, part * width + head * width // shape.heads : part * width + (head + 1) * width // shape.heads]
                for part in range(3)
            )
            looks = np.exp(q @ k.T / np.sqrt(width // shape.heads))
            heads.append(looks / looks.sum(-1, keepdims=True) @ v)
        x = x + dense(np.concatenate(heads, axis=1), "out")
        y = dense(norm(x, weights, f"block{number}.norm2", shape.epsilon), "expand")
        x = x + dense(y / (1 + np.exp(-1.702 * y)), "project")
        blocks.append(x)
    return blocks


def pixels_of(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3)).astype(np.float32)


def test_every_block_agrees_with_numpy():
    weights, pixels = random_weights(TINY), pixels_of(TINY.size)
    said = network_of(TINY, weights)(pixels[None])
    for ours, theirs in zip(said, by_numpy(TINY, weights, pixels), strict=True):
        np.testing.assert_allclose(np.asarray(ours)[0], theirs, atol=2e-4)


def test_the_shipped_encoder_agrees_with_numpy():
    shape, weights = encoder_file.read(SHIPPED)
    pixels = np.asarray(photo(224, 224), np.float32)
    said = np.asarray(network_of(shape, weights)(pixels[None])[-1])[0]
    expected = by_numpy(shape, weights, pixels.astype(np.float64))[-1]
    np.testing.assert_allclose(said, expected, atol=5e-3)


def test_bfloat16_says_nearly_the_same():
    weights, pixels = random_weights(TINY), pixels_of(TINY.size)
    exact, short = (
        np.asarray(network_of(TINY, weights, policy)(pixels[None])[-1], np.float32)
        for policy in ("float32", "mixed_bfloat16")
    )
    assert np.corrcoef(exact.ravel(), short.ravel())[0, 1] > 0.999
    assert np.abs(exact - short).max() < 0.05 * np.abs(exact).max()


@pytest.mark.parametrize(
    ("flags", "policy"),
    [("fma avx2 avx512_bf16", "mixed_bfloat16"), ("amx_bf16", "mixed_bfloat16"), ("fma avx2", "float32")],
)
def test_the_processor_chooses_the_precision(flags, policy, monkeypatch):
    monkeypatch.setattr("pathlib.Path.read_text", lambda self, **options: f"flags : {flags}\n")
    assert vit.precision() == policy


def test_quantising_moves_no_weight_by_more_than_half_a_step():
    matrix = random_weights(TINY)["block0.expand.kernel"]
    packed = encoder_file.quantise(matrix)
    assert packed.values.dtype == np.int8
    assert np.all(np.abs(packed.restored() - matrix) <= 0.5001 * packed.scale)


def test_what_is_stored_is_what_is_read(tmp_path):
    weights = random_weights(TINY)
    first = encoder_file.write(tmp_path / "a.npz", TINY, weights)
    shape, read = encoder_file.read(tmp_path / "a.npz", first)
    assert shape == TINY
    steps = {name: encoder_file.quantise(weights[name]).scale.max() for name in weights if name.endswith("kernel")}
    for name, array in weights.items():
        assert np.abs(read[name] - array).max() <= max(0.51 * steps.get(name, 0), 1e-3), name
    again = encoder_file.write(tmp_path / "b.npz", TINY, weights)
    assert again == first and encoder_file.find([tmp_path], first).name == "a.npz"


def test_a_missing_truncated_or_altered_file_is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(EncoderError, match="there is no such file"):
        encoder_file.read(path)
    sha256 = encoder_file.write(path, TINY, random_weights(TINY))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EncoderError, match="truncated"):
        encoder_file.read(path)
    with pytest.raises(EncoderError, match=f"expected the encoder with sha256 {sha256}"):
        encoder_file.read(path, sha256)
    with pytest.raises(EncoderError, match="missing or was altered"):
        encoder_file.find([tmp_path], sha256)


def test_weights_of_other_dimensions_are_refused():
    weights = random_weights(TINY)
    other = vit.encoder(vit.Shape(blocks=4, width=48, heads=3, size=32, patch=8, hidden=48))
    with pytest.raises(EncoderError, match=r"patch.kernel: expected \(192, 48\), received \(192, 24\)"):
        vit.fill(other, vit.Shape(blocks=4, width=48, heads=3, size=32, patch=8, hidden=48), weights)


def test_a_file_that_is_not_the_wheel_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no")
    with pytest.raises(EncoderError, match="expected sha256 2d2da5e2"):
        read_clip(tmp_path / "x.onnx", 8)
    with pytest.raises(EncoderError, match="expected a file at"):
        read_clip(tmp_path / "y.whl", 8)


@pytest.fixture
def tiny_detector(tmp_path):
    """A bundle on a tiny encoder that lies beside it: (folder, the model that was saved)."""
    from classifier.detector.training.batches import Config
    from classifier.detector.training.linear import set_head
    from classifier.detector.training.runner import card_of

    sha256 = encoder_file.write(tmp_path / "encoders" / "tiny.npz", TINY, random_weights(TINY))
    shape, weights = encoder_file.read(tmp_path / "encoders" / "tiny.npz")
    model = vit.vit(shape, "float32")
    vit.fill(model.get_layer("encoder"), shape, weights)
    rng = np.random.default_rng(1)
    set_head(model, rng.normal(size=96), np.ones(96), rng.normal(size=96).astype(np.float32), 0.25)
    spec = bundle.Preprocessing(view="middle", size=32, grid=1, jpeg_quality=None, joint=True)
    config = Config("vit", "tiny", start=str(tmp_path / "encoders" / "tiny.npz"))
    card = card_of(config, spec, [], [])
    assert card.encoder == sha256
    bundle.save(model, tmp_path / "tiny", card)
    return tmp_path / "tiny", model


def test_a_bundle_holds_the_head_alone_and_finds_its_encoder(tiny_detector):
    folder, model = tiny_detector
    loaded = bundle.load(folder)
    views = [loaded.views(photo(90, 60)), loaded.views(photo(50, 70))]
    expected = LoadedDetector(loaded.card, model).logits(views)
    np.testing.assert_allclose(loaded.logits(views), expected, atol=0.05)  # where it is in bfloat16
    assert (folder / bundle.MODEL_FILE).stat().st_size < 60_000


def test_a_bundle_without_its_encoder_is_refused(tiny_detector):
    folder, _ = tiny_detector
    (folder.parent / "encoders" / "tiny.npz").unlink()
    with pytest.raises(EncoderError, match="missing or was altered"):
        bundle.load(folder)


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (64, 64)])
def test_the_heat_lies_on_the_middle_square(tiny_detector, size):
    loaded = bundle.load(tiny_detector[0])
    heat = heat_map.heat_map(loaded, loaded.views(photo(*size)), size)
    assert heat.shape == (heat_map.SIDE, heat_map.SIDE) and np.isfinite(heat).all() and np.abs(heat).max() > 0
    if size[0] > size[1]:
        assert not heat[:, 0].any() and not heat[:, -1].any()
    elif size[0] < size[1]:
        assert not heat[0].any() and not heat[-1].any()


def test_training_a_transformer_shows_each_picture_to_the_network_once(tmp_path, monkeypatch):
    """Validation and test images included: the head is measured on the features that it was fitted on."""
    from classifier.detector.networks import architectures
    from classifier.detector.training import linear
    from classifier.detector.training.batches import Config
    from classifier.detector.training.runner import train
    from tests.waves import dataset

    start = tmp_path / "tiny.npz"
    encoder_file.write(start, TINY, random_weights(TINY))
    spec = bundle.Preprocessing(view="middle", size=32, grid=1, jpeg_quality=None, joint=True)
    monkeypatch.setitem(architectures.ARCHITECTURES, "vit", (lambda: vit.vit(TINY, "float32"), spec))
    rows, shown, real = dataset(tmp_path, 40), [], linear.views_of
    monkeypatch.setattr(linear, "views_of", lambda row, *rest: shown.append(row.sha256) or real(row, *rest))
    config = Config("vit", "first", start=str(start))
    trained = train(config, rows, tmp_path / "detectors" / "first")
    assert sorted(shown) == sorted(row.sha256 for row in rows)
    train(dataclasses.replace(config, version="second"), rows, tmp_path / "detectors" / "second")
    assert len(shown) == len(rows)
    assert len(trained.logits) == len(trained.rows) == trained.card.report["n"]
