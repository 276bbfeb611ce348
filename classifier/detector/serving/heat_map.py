"""Where the detector looked: which regions moved the logit towards AI-generated or towards a photograph. Not proof.

For a joint network every block of the whole view is read out: its head is linear in means and deviations over
positions, so each position's share of the logit is known (Class Activation Mapping, arXiv 1512.04150, at every depth;
deviations to first order). For the others it is Grad-CAM (arXiv 1610.02391) on the last layer that has positions.
"""

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.detector.errors import DetectorError
from classifier.detector.images.preprocessing import WHOLE, Pixels
from classifier.detector.networks import vit
from classifier.detector.serving.bundle import LoadedDetector

Heat = npt.NDArray[np.float32]
SIDE = 28
"""Positions a side of a square's heat map."""
TOWARDS_FAKE, TOWARDS_REAL = (213, 94, 0), (0, 114, 178)
STRONGEST = 150
"""Opacity (of 255) of the strongest region."""


def heat_map(detector: LoadedDetector, views: Pixels, size: tuple[int, int]) -> Heat:
    """Shares of the logit over the picture, (SIDE, SIDE) stretched over an image of `size` (width, height) in pixels;
    positive: towards REAL. `views` are those of the verdict, (views, side, side, 3)."""
    spec = detector.card.preprocessing
    if spec.view == "middle":
        return _in_the_middle(_of_tokens(detector.model, views), size)
    if spec.joint:
        heat = _of_levels(detector.model, views[:1])
        fit = min(1.0, WHOLE[0] / max(size))  # the canvas holds the picture, then its mirror image
        width, height = (min(1.0, side * fit / spec.size) for side in size)
        return _stretched(heat[: max(1, round(height * SIDE)), : max(1, round(width * SIDE))])
    maps = _grad_cam(detector.model, views)
    if spec.view == "crops":
        rows = [np.concatenate(maps[start : start + spec.grid], axis=1) for start in range(0, len(maps), spec.grid)]
        return _stretched(np.concatenate(rows))
    return maps[0]


def as_png(heat: Heat, size: tuple[int, int]) -> bytes:
    """A translucent PNG of `size` (width, height): orange towards AI-generated, blue towards a photograph."""
    strength = np.abs(heat) / max(1e-9, float(np.abs(heat).max()))
    pixels = np.zeros((*heat.shape, 4), np.uint8)
    pixels[..., :3] = np.where(heat[..., None] < 0, TOWARDS_FAKE, TOWARDS_REAL)
    pixels[..., 3] = np.round(strength * STRONGEST)
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").resize(size, Image.Resampling.BICUBIC).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _of_tokens(model: keras.Model, views: Pixels) -> Heat:
    """Contributions of the patches of a transformer (rows, columns), as they leave the first block that is read:
    gradient of the logit × what a token has beyond the average one. Exact for the mean of the patches, first order for
    the class tokens."""
    if keras.backend.backend() != "tensorflow":
        raise DetectorError("expected Keras on TensorFlow for heat maps; it runs on " + keras.backend.backend())
    import tensorflow as tf

    standard, last = model.get_layer("standard"), model.get_layer("logit")
    with tf.GradientTape() as tape:
        pixels = tf.constant(views, tf.float32)
        tape.watch(pixels)
        blocks = model.get_layer("encoder")(pixels, training=False)
        tokens = blocks[-vit.READ]
        logit = last(vit.clipped(standard(tf.concat(vit.read_out(blocks), axis=1), training=False)))
    patches = tokens.numpy()[0, 1:].astype(np.float32)
    slopes = tape.gradient(logit, tokens).numpy()[0, 1:].astype(np.float32)
    shares = np.sum((patches - patches.mean(axis=0)) * slopes, axis=1)
    side = round(len(shares) ** 0.5)
    return np.asarray(shares.reshape(side, side), np.float32)


def _in_the_middle(heat: Heat, size: tuple[int, int]) -> Heat:
    """A square's heat where the middle square of a picture of `size` lies; nothing is said of the rest."""
    width, height = (max(1, round(SIDE * min(size) / side)) for side in size)
    part = np.asarray(Image.fromarray(heat).resize((width, height), Image.Resampling.BILINEAR))
    whole = np.zeros((SIDE, SIDE), np.float32)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    whole[top : top + height, left : left + width] = part
    return whole


def _of_levels(model: keras.Model, squares: Pixels) -> Heat:
    activations = _reader(model.get_layer("levels"))(squares.astype(np.float32))
    mean, variance = (values.astype(np.float64) for values in model.get_layer("standard").get_weights())
    slope = model.get_layer("logit").get_weights()[0][:, 0] / np.sqrt(variance)
    total, start = np.zeros((SIDE, SIDE), np.float32), 0
    for activation in activations:
        values = keras.ops.convert_to_numpy(activation)[0].astype(np.float64)  # (height, width, channels)
        channels = values.shape[-1]
        average = values.mean(axis=(0, 1))
        deviation = np.sqrt(np.maximum(values.var(axis=(0, 1)), 1e-6))
        of_mean = values - mean[start : start + channels]
        of_deviation = (np.square(values - average) + np.square(deviation)) / (2 * deviation)
        of_deviation -= mean[start + channels : start + 2 * channels]
        share = (
            of_mean @ slope[start : start + channels] + of_deviation @ slope[start + channels : start + 2 * channels]
        )
        total += _stretched(share.astype(np.float32))
        start += 2 * channels
    return total


@lru_cache(maxsize=1)
def _reader(network: keras.Model) -> Callable[[npt.NDArray[np.float32]], Any]:
    blocks = keras.Model(network.input, block_outputs(network))
    if keras.backend.backend() != "tensorflow":
        return lambda squares: blocks(squares, training=False)
    import tensorflow as tf

    return tf.function(lambda squares: blocks(squares, training=False))  # type: ignore[no-any-return, unused-ignore]


def block_outputs(network: keras.Model) -> list[keras.KerasTensor]:
    """The tensors that `levels` pools, in the order of its features."""
    pools = [layer for layer in network.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    return [pool.input for pool in pools[::2]]


def _grad_cam(model: keras.Model, squares: Pixels) -> list[Heat]:
    if keras.backend.backend() != "tensorflow":
        raise DetectorError("expected Keras on TensorFlow for heat maps; it runs on " + keras.backend.backend())
    import tensorflow as tf

    last = next(layer for layer in reversed(model.layers) if len(layer.output.shape) == 4 and layer.output.shape[1] > 1)
    both = keras.Model(model.input, [last.output, model.output])
    with tf.GradientTape() as tape:
        activations, logits = both(tf.constant(squares, tf.float32), training=False)
        total: Any = tf.reduce_sum(logits)
    weights = tf.reduce_mean(tape.gradient(total, activations), axis=(1, 2), keepdims=True)
    maps = tf.reduce_sum(weights * activations, axis=-1).numpy()
    return [_stretched(one) for one in maps]


def _stretched(heat: Heat) -> Heat:
    return np.asarray(Image.fromarray(heat.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
