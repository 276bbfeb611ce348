"""Fit the linear layer of a joint network in closed form: features of every image once, then weighted ridge regression.

Minutes instead of hours on two cores, and no epoch to choose: with some thousand images of a few dozen sources,
statistics under a linear layer told unseen sources apart better than networks trained end to end (EXPERIMENTS.md).
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from classifier.detector.data.manifest import ANY_SIZE, PHOTO, Row, digest
from classifier.detector.images.decoding import read_rgb
from classifier.detector.images.preprocessing import Pixels, Preprocessing, cut_at_random, prepare, scale_down
from classifier.detector.measuring import evaluation
from classifier.detector.measuring.tiers import TIERS
from classifier.detector.serving.bundle import compile_forward, linear_head
from classifier.detector.stats.classification import Floats
from classifier.detector.stats.ridge import Array, balance, fit_ridge
from classifier.detector.training import token_head
from classifier.detector.training.augmentation import augment, recompress
from classifier.detector.training.feature_cache import FeatureCache

Step = Callable[[int, int], None]
COPIES = 2
"""Views of each image that are fitted: as served, and augmented as the web would."""
CHUNK = 8
LARGEST = 20_000
"""How many images are fitted at most: their features take 2 GB of memory, and more of the same sources bring little."""
HEAD = ("standard", "logit")
"""The layers that are fitted."""
PENALTY = {"levels": 2.0, "traces": 0.1}
"""Ridge penalty of each part, relative to the mean squared length of its standardised features."""


def views_of(row: Row, spec: Preprocessing, copy: int, seed: int, tier: str = "clean") -> Pixels:
    """(views, size, size, 3): copy 0 exactly as served (the tier applied before), later ones augmented, each alike for
    both classes."""
    if copy == 0:
        return evaluation.views_of(row, spec, TIERS[tier])
    image = read_rgb(row.path, ANY_SIZE)
    whole = read_rgb(row.whole, ANY_SIZE) if row.whole else scale_down(image)
    rng = np.random.default_rng((seed, copy, int(row.sha256[:12], 16)))
    return prepare(augment(cut_at_random(image, 256, rng), rng), spec, recompress(whole, rng))


def extract(
    model: keras.Model,
    spec: Preprocessing,
    rows: Sequence[Row],
    place: Path,
    seed: int = 0,
    copies: int = COPIES,
    tier: str = "clean",
    on_step: Step | None = None,
) -> npt.NDArray[np.float16]:
    """Features (n, copies, d) of every row, kept in `place`.npy; a killed run resumes where it stopped."""
    features = model.get_layer("features").output
    forward = compile_forward(keras.Model(model.input, features), spec)
    known = {"rows": [row.sha256 for row in rows], "seed": seed, "copies": copies, "tier": tier, "spec": spec.as_dict()}
    shape = (len(rows), copies, features.shape[-1])
    note, data = place.with_suffix(".json"), place.with_suffix(".npy")
    kept = json.loads(note.read_text()) if note.exists() and data.exists() else {}
    done = kept.pop("done", 0) if {**kept, "done": 0} == {**known, "done": 0} else 0
    place.parent.mkdir(parents=True, exist_ok=True)
    stored = np.lib.format.open_memmap(data, "r+" if done else "w+", np.float16, shape)
    with ThreadPoolExecutor(2) as pool:
        waiting = None
        for start in range(done, len(rows) + CHUNK, CHUNK):
            chunk = [(row, copy) for row in rows[start : start + CHUNK] for copy in range(copies)]
            coming = pool.map(lambda one: views_of(one[0], spec, one[1], seed, tier), chunk)
            if waiting:
                end = min(start, len(rows))
                found = forward(np.stack(list(waiting)))
                stored[start - CHUNK : end] = found.reshape(end - start + CHUNK, copies, -1)
                if start % (50 * CHUNK) == 0 or end == len(rows):
                    stored.flush()
                    note.write_text(json.dumps({**known, "done": end}))
                if on_step:
                    on_step(end, len(rows))
            waiting = coming
    return stored


def extract_cached(
    model: keras.Model,
    spec: Preprocessing,
    rows: Sequence[Row],
    folder: Path,
    encoder: str,
    tier: str = "clean",
    on_step: Step | None = None,
) -> npt.NDArray[np.float16]:
    """Features (n, 1, d) of every row as served, by a network that is the same for every detector (encoder: its
    SHA-256). What `folder` remembers is not computed again, so a growing dataset costs only what is new."""
    features = model.get_layer("features").output
    made_by = {"encoder": encoder, "model": model.name, "tier": tier, "spec": spec.as_dict()}
    cache = FeatureCache(folder, made_by, features.shape[-1])
    names = [row.sha256 for row in rows]
    todo = [rows[place] for place in cache.missing(names)]
    if todo:
        forward = compile_forward(keras.Model(model.input, features), spec)
        parts = [todo[start : start + CHUNK] for start in range(0, len(todo), CHUNK)]
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(views_of, row, spec, 0, 0, tier) for row in parts[0]]
            for number, part in enumerate(parts):
                pixels = np.stack([one.result() for one in waiting])
                following = parts[number + 1] if number + 1 < len(parts) else []
                waiting = [pool.submit(views_of, row, spec, 0, 0, tier) for row in following]
                cache.add([row.sha256 for row in part], forward(pixels))
                if on_step:
                    on_step(len(rows) - len(todo) + number * CHUNK + len(part), len(rows))
    return cache.get(names)[:, None]


def fit(
    model: keras.Model, spec: Preprocessing, rows: Sequence[Row], folder: Path, seed: int, on_step: Step | None = None
) -> None:
    """Extract the features of all rows, of LARGEST drawn at random when there are more (kept in `folder` until the head
    is fitted), and fit the head."""
    if len(rows) > LARGEST:
        chosen = np.random.default_rng(seed).permutation(len(rows))[:LARGEST]
        rows = [rows[index] for index in sorted(chosen)]
    place = folder / "features"
    fit_head(model, extract(model, spec, rows, place, seed, on_step=on_step), rows)
    for suffix in (".npy", ".json"):
        place.with_suffix(suffix).unlink()


def fit_head(model: keras.Model, features: npt.NDArray[np.float16], rows: Sequence[Row]) -> None:
    """Set the standardisation and the last layer of `model` from the features (n, COPIES, d) of training rows.

    A transformer's are fitted as `token_head` says. Otherwise each part (network's levels, pixel traces) gets a ridge
    regression of its own; the logit is their mean.
    """
    if model.name == "vit":
        mean, deviation, beta, bias = token_head.fit(features[:, 0], rows)
        set_head(model, mean, deviation, beta, bias)
        return
    n, copies, width = features.shape
    x = np.array(features, np.float32).reshape(n * copies, width)
    targets = np.repeat(2.0 * evaluation.targets_of(rows) - 1, copies).astype(np.float32)
    weights = np.repeat(balance(rows), copies)
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-3
    x -= mean
    x /= deviation
    np.clip(x, -6, 6, out=x)
    beta, bias = np.zeros(width, np.float32), 0.0
    parts = {"levels": slice(0, boundary(model)), "traces": slice(boundary(model), width)}
    for name, part in parts.items():
        found, intercept = fit_ridge(x[:, part], targets, weights, PENALTY[name])
        beta[part] = found / len(parts)
        bias += intercept / len(parts)
    set_head(model, mean, deviation, beta, bias)


def set_head(model: keras.Model, mean: Array, deviation: Array, beta: Array, bias: float) -> None:
    """The layers after the features: (d,) mean and deviation of the features, coefficients (d,), intercept."""
    model.get_layer("standard").set_weights([mean, np.square(deviation)])
    model.get_layer("logit").set_weights([beta[:, None], np.array([bias], np.float32)])


def boundary(model: keras.Model) -> int:
    """Where the network's levels end and the traces begin among the features."""
    return 2 * int(model.get_layer("levels").output.shape[-1])


def logits_of(model: keras.Model, features: npt.NDArray[np.float16]) -> Floats:
    """(n, d) features → (n,) logits by the layers after the features, without the rest of the network."""
    return linear_head(model)(features)


class Folds:
    """Refits the head for each fold of a cross-validation, on features that were extracted once."""

    def __init__(
        self, model: keras.Model, spec: Preprocessing, rows: Sequence[Row], features: npt.NDArray[np.float16]
    ) -> None:
        self.model, self.spec, self.rows, self.features = model, spec, rows, features
        self.fitted: dict[str, list[list[Array]]] = {}
        self.place = {row.sha256: index for index, row in enumerate(rows)}
        self.extras = [row for row in rows if row.kind != PHOTO]
        self.photographed = {row.source for row in rows if row.kind == PHOTO}

    def fit(self, split: Sequence[Row]) -> None:
        """The head from every row of `split` that is not in its test part; nothing is left to validate with. The same
        split is fitted once."""
        layers = [self.model.get_layer(name) for name in HEAD]
        key = digest(split)
        if key in self.fitted:
            for layer, weights in zip(layers, self.fitted[key], strict=True):
                layer.set_weights(weights)
            return
        training = [row for row in split if row.split != "test"]
        training += self._beside(split, {row.source for row in training})
        fit_head(self.model, self.features[[self.place[row.sha256] for row in training]], training)
        self.fitted[key] = [layer.get_weights() for layer in layers]

    def _beside(self, split: Sequence[Row], sources: set[str]) -> list[Row]:
        """What is no photograph (art) of the sources that are trained on: it trains along, and is never tested on."""
        taken, held = {row.sha256 for row in split}, {row.group for row in split if row.split == "test"}
        outside = [row for row in self.extras if row.sha256 not in taken and row.group not in held]
        return [row for row in outside if row.source in sources or row.source not in self.photographed]

    def logits(self, rows: Sequence[Row]) -> Array:
        """Logits (n,) of rows as served, by the head as it was fitted last."""
        return logits_of(self.model, self.features[[self.place[row.sha256] for row in rows], 0])

    def predict(self, name: str, split: Sequence[Row]) -> Array:
        """Logits (n,) of the test rows as served; for `heldout.held_out`."""
        return self.predicting(self.rows, self.features)(name, split)

    def predicting(
        self, tested: Sequence[Row], features: npt.NDArray[np.float16]
    ) -> Callable[[str, Sequence[Row]], Array]:
        """As `predict`, on other features (n, copies, d) of the rows `tested`, of degraded copies for example."""
        place = {row.sha256: index for index, row in enumerate(tested)}

        def predict(name: str, split: Sequence[Row]) -> Array:
            self.fit(split)
            chosen = [place[row.sha256] for row in split if row.split == "test"]
            return logits_of(self.model, features[chosen, 0])

        return predict
