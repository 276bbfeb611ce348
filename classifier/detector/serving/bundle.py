"""A detector on disk: one folder with `model.keras` and `bundle.json`, checked before it is loaded."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.detector import standard_error
from classifier.detector.digests import file_digest
from classifier.detector.errors import BundleError, EncoderError
from classifier.detector.images.preprocessing import Pixels, Preprocessing, prepare
from classifier.detector.labels import CLASS_NAMES, Outcome, outcome_of
from classifier.detector.serving import subject
from classifier.detector.serving.subject import Subject
from classifier.detector.stats import calibration
from classifier.detector.stats.classification import Floats
from classifier.detector.stats.measured import Bin, Report, Training

if TYPE_CHECKING:
    import keras

FORMAT = 1
MODEL_FILE = "model.keras"
CARD_FILE = "bundle.json"
SHIPPED_ENCODERS = Path(__file__).parents[2] / "shipped" / "encoders"


@dataclass(frozen=True)
class Card:
    """What `bundle.json` says. temperature divides the logits; scores in [fake_below, real_above] are INCONCLUSIVE.
    reliability: what a score has meant for held-out images, see `calibration.reliability`. largest_jump: change of the
    log-odds under mild re-encodings beyond which no verdict is given, None for no limit; see `stability`. encoder:
    SHA-256 of the encoder file that the head was fitted on, "" where the bundle holds all of its network. sha256 and
    parameters are filled in by `save`."""

    version: str
    architecture: str
    sha256: str
    preprocessing: Preprocessing
    temperature: float
    fake_below: float
    real_above: float
    parameters: int
    training: Training
    report: Report = field(default_factory=lambda: cast(Report, {}))
    reliability: list[Bin] = field(default_factory=list)
    largest_jump: float | None = None
    encoder: str = ""
    subject: str = ""

    def outcome(self, score: float) -> Outcome:
        return outcome_of(score, self.fake_below, self.real_above)


def save(model: "keras.Model", folder: Path, card: Card) -> Card:
    """Write a bundle and return its card: the model under a temporary name first, then the card that vouches for it.

    A bare copy is saved: the optimizer's state would make the file three times as large. Of a network on an encoder
    only the head is saved; the card names the encoder.
    """
    import keras

    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"partial-{os.getpid()}.keras"
    kept = keras.Model(model.get_layer("features").output, model.output) if card.encoder else model
    bare = keras.models.clone_model(kept)
    bare.set_weights(kept.get_weights())
    bare.save(partial)
    partial.replace(folder / MODEL_FILE)
    card = replace(card, sha256=file_digest(folder / MODEL_FILE), parameters=model.count_params())
    _write_card(folder, asdict(card))
    return read_card(folder)


def revise(folder: Path, **changes: Any) -> Card:
    """Change entries of a saved card: the only way to, after `save`. Raises BundleError. Workers notice by `digest`."""
    data = {**json.loads((folder / CARD_FILE).read_text(encoding="utf-8")), **changes}
    _write_card(folder, data)
    return read_card(folder)


def digest(folder: Path) -> str:
    """What a bundle is as a whole: SHA-256 over its card, which vouches for its model. Raises BundleError."""
    try:
        return file_digest(folder / CARD_FILE)
    except OSError as error:
        raise BundleError(f"expected a readable {CARD_FILE} in {folder} ({error})") from error


def _write_card(folder: Path, card: Mapping[str, object]) -> None:
    """Write `bundle.json` with the format and the class names in front."""
    text = json.dumps({"format": FORMAT, "classes": list(CLASS_NAMES), **card}, indent=1)
    partial = folder / f"{CARD_FILE}.partial"
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(folder / CARD_FILE)


def read_card(folder: Path) -> Card:
    """Read `bundle.json` without touching the model. Raises BundleError."""
    try:
        data = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"expected a readable {CARD_FILE} in {folder} ({error})") from error
    if data.pop("format", None) != FORMAT:
        raise BundleError(f"{folder}: expected bundle format {FORMAT}")
    if data.pop("classes", None) != list(CLASS_NAMES):
        raise BundleError(f"{folder}: expected the classes {list(CLASS_NAMES)}, in this order")
    try:
        return Card(**{**data, "preprocessing": Preprocessing(**data["preprocessing"])})
    except (KeyError, TypeError) as error:
        raise BundleError(f"{folder}: {CARD_FILE} is incomplete ({error})") from error


class LoadedDetector:
    """A network in memory with its one compiled function. Load it once a process; it is not thread-safe."""

    BATCH = 72
    DEAR_BATCH = 8
    """Images that a transformer is shown at once: larger batches leave the processor's caches."""

    def __init__(self, card: Card, model: "keras.Model", subject: Subject | None = None) -> None:
        self.card, self.subject = card, subject
        self.model = model
        spec = card.preprocessing
        if spec.joint:
            import keras

            features = model.get_layer("features")
            self._forward = compile_forward(keras.Model(model.input, features.output), spec)
            self._head = linear_head(model)
            self._joint_batch = self.BATCH // (3 * len(spec.weights)) if spec.sees_crops else self.DEAR_BATCH
            widths = [part.shape[-1] for part in features.input]
            self._of_crops = np.repeat(np.arange(len(widths)) % 2 == 1, widths)  # whole, crops, whole, crops
            if spec.sees_crops:
                of_crops = keras.ops.concatenate(features.input[1::2], axis=1)
                self._crops = compile_forward(keras.Model(model.input, of_crops), spec)
        else:
            self._forward = compile_forward(model, spec)

    def warm_up(self) -> None:
        """Trace the graphs now, so that the first image does not wait for it."""
        spec = self.card.preprocessing
        black = [np.zeros((len(spec.weights), spec.size, spec.size, 3), np.uint8)]
        seen = self.see(black)
        if spec.joint and spec.sees_crops:
            self.see_again(seen, black)

    def views(self, image: Image.Image, whole: Image.Image | None = None) -> Pixels:
        """RGB image → (views, size, size, 3) uint8: everything of the image that the network will see."""
        return prepare(image, self.card.preprocessing, whole)

    def scores(self, images: list[Pixels]) -> Floats:
        """P(REAL) in [0, 1] for each image, given its `views`; shape (len(images),)."""
        return self.scores_of(self.see(images))

    def logits(self, images: list[Pixels]) -> Floats:
        """The logit of each image, given its `views`, before the temperature; shape (len(images),)."""
        return self.logits_of(self.see(images))

    def see(self, images: list[Pixels]) -> Floats:
        """(n, d): what the network makes of each image's `views` before they are put together, the features of a joint
        network, otherwise a logit for each view."""
        spec = self.card.preprocessing
        views = len(spec.weights)
        if spec.joint:
            return _in_parts(self._forward, images, self._joint_batch, len(self._of_crops))
        squares = [view for image in images for view in image]
        return _in_parts(self._forward, squares, self.BATCH, 1).reshape(len(images), views)

    def see_again(self, seen: Floats, copies: list[Pixels]) -> Floats:
        """(n, k, d): the same of k copies of each of n images that a joint network has `seen`, (n, d): only the crops
        are looked at again, the whole view is remembered."""
        n, k = len(seen), len(copies) // max(1, len(seen))
        again = np.repeat(seen, k, axis=0)
        again[:, self._of_crops] = _in_parts(self._crops, copies, self._joint_batch, int(self._of_crops.sum()))
        return again.reshape(n, k, -1)

    def logits_of(self, seen: Floats) -> Floats:
        """(…, d) → (…): by the last layer of a joint network, otherwise the weighted mean over the views."""
        if self.card.preprocessing.joint:
            return self._head(seen)
        return np.asarray(seen.astype(np.float64) @ self.card.preprocessing.weights)

    def scores_of(self, seen: Floats) -> Floats:
        """(…, d) → (…): P(REAL) in [0, 1]."""
        return calibration.to_scores(self.logits_of(seen), self.card.temperature)


def _in_parts(forward: Any, inputs: list[Pixels], batch: int, width: int) -> Floats:
    """(n, width): the network's answers, asked in batches that fit into memory."""
    parts = [forward(np.stack(inputs[start : start + batch])) for start in range(0, len(inputs), batch)]
    return np.concatenate(parts) if parts else np.zeros((0, width), np.float32)


def linear_head(model: "keras.Model") -> Callable[[npt.ArrayLike], Floats]:
    """(…, d) features → (…) logits by the layers of a joint network after its features, in NumPy."""
    mean, variance = model.get_layer("standard").get_weights()
    kernel, bias = model.get_layer("logit").get_weights()
    scale = 1 / np.sqrt(variance)

    def head(features: npt.ArrayLike) -> Floats:
        x = np.clip((np.asarray(features, np.float32) - mean) * scale, -6, 6)
        return np.asarray(x @ kernel[:, 0] + bias[0], np.float64)

    return head


def compile_forward(model: "keras.Model", spec: Preprocessing) -> Any:
    """(n, size, size, 3) uint8, joint ones (n, views, size, size, 3), → the model's (n, d) float32. Under TensorFlow
    one traced graph, about ten times quicker for one image than `model.predict`; elsewhere the plain call."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return lambda pixels: np.asarray(keras.ops.convert_to_numpy(model(pixels, training=False)))
    import tensorflow as tf

    views = (None,) if spec.joint else ()
    signature = [tf.TensorSpec((None, *views, spec.size, spec.size, 3), tf.uint8)]
    graph = tf.function(lambda pixels: model(tf.cast(pixels, tf.float32), training=False), signature)
    return lambda pixels: graph(tf.constant(pixels)).numpy()


def load(folder: Path) -> LoadedDetector:
    """Check the model file against the card's sha256, load and compile it. Raises BundleError. Imports Keras."""
    card = read_card(folder)
    path = folder / MODEL_FILE
    if not path.is_file():
        raise BundleError(f"expected the model at {path}")
    if (received := file_digest(path)) != card.sha256:
        raise BundleError(f"{path}: expected sha256 {card.sha256}, received {received}; the file was altered")
    with standard_error.led_to(Path(os.devnull)):
        model = read_model(path)
        known = subject.read(folder, card.subject) if card.subject else None
        detector = LoadedDetector(card, on_encoder(card, model, folder) if card.encoder else model, known)
        detector.warm_up()
    return detector


def encoder_folders(folder: Path) -> list[Path]:
    """Where the encoder of a bundle is looked for: with the code, then beside the bundles."""
    return [SHIPPED_ENCODERS, folder.parent / "encoders", folder.parent.parent / "encoders"]


def start_of(folder: Path) -> Path:
    """The file of weights that a further training of this bundle's architecture begins from: its encoder, or else its
    model. Raises BundleError."""
    card = read_card(folder)
    if not card.encoder:
        return folder / MODEL_FILE
    from classifier.detector.networks import encoder_file

    return encoder_file.find(encoder_folders(folder), card.encoder)


def on_encoder(card: Card, head: "keras.Model", folder: Path) -> "keras.Model":
    """The whole network: the encoder that the card names, under a head. Raises EncoderError."""
    from classifier.detector.networks import encoder_file, vit

    shape, weights = encoder_file.read(encoder_file.find(encoder_folders(folder), card.encoder))
    model = vit.vit(shape)
    expected, received = model.get_layer("features").output.shape[-1], head.input.shape[-1]
    if expected != received:
        raise EncoderError(
            f"{folder}: expected a head on {expected} features of its encoder, received one on {received}"
        )
    vit.fill(model.get_layer("encoder"), shape, weights)
    for name in ("standard", "logit"):
        model.get_layer(name).set_weights(head.get_layer(name).get_weights())
    return model


def read_model(path: Path) -> "keras.Model":
    """A saved network, our own layers known, nothing pickled executed."""
    import keras

    from classifier.detector.networks import traces  # noqa: F401  # registers its layers

    return keras.saving.load_model(path, compile=False, safe_mode=True)
