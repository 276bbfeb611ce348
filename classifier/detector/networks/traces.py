"""What generators and cameras leave in neighbouring pixels, as statistics: Keras layers without any weights.

`Traces` counts how residuals of three neighbouring pixels occur together, as steganalysis does (Fridrich and Kodovský,
"Rich Models for Steganalysis of Digital Images", 2012). `HighPass` turns a picture into its own fine detail, so that a
network made for pictures can look at that.
"""

from itertools import product
from typing import Any

import keras
import numpy as np
from keras import ops

LEVELS = 5
LUMINANCE_STEP, CHROMINANCE_STEP = 3.0, 1.0
Tensor = Any


def _symmetric() -> np.ndarray:
    """(125, m): averages triples of levels that are mirror images or negatives of each other."""
    classes: dict[tuple[int, ...], int] = {}
    column = []
    for triple in product(range(LEVELS), repeat=3):
        negative = tuple(LEVELS - 1 - level for level in triple)
        alike = min(triple, triple[::-1], negative, negative[::-1])
        column.append(classes.setdefault(alike, len(classes)))
    return np.eye(len(classes), dtype=np.float32)[column]


SYMMETRIC = _symmetric()


@keras.saving.register_keras_serializable("aidetect")
class Traces(keras.layers.Layer):  # type: ignore[misc]
    """(batch, size, size, 3) pixels 0–255 → (batch, 11 × m) square roots of relative frequencies, each in [0, 1].

    Five residuals of the luminance (differences of first and second order, along and across, and the 3 × 3 filter of
    Ker and Böhme) and three of each chrominance at half its size are rounded to five levels; counted is how often each
    triple of levels follows one another. Not differentiable: counting has no gradient.
    """

    def call(self, pixels: Tensor) -> Tensor:
        red, green, blue = (pixels[..., channel] for channel in range(3))
        luminance = 0.299 * red + 0.587 * green + 0.114 * blue
        codes = [_along_and_across(luminance, LUMINANCE_STEP, all_of_them=True)]
        for colour in (0.564 * (blue - luminance), 0.713 * (red - luminance)):
            half = ops.average_pool(colour[..., None], 2)[..., 0]
            codes.append(_along_and_across(half, CHROMINANCE_STEP, all_of_them=False))
        return ops.concatenate([_frequencies(code) for group in codes for code in group], axis=1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        return shape[0], 11 * SYMMETRIC.shape[1]


def _along_and_across(plane: Tensor, step: float, all_of_them: bool) -> list[Tensor]:
    """Codes of triples, one tensor (batch, n) a residual; each taken along the rows of the plane and of its transpose,
    every second row."""
    wanted = [_first_along, _first_across, _second_along, _second_across, _square]
    transposed = ops.transpose(plane, (0, 2, 1))
    return [
        ops.concatenate([_codes(residual(y, t) / step) for y, t in ((plane, transposed), (transposed, plane))], axis=1)
        for residual in (wanted if all_of_them else (_first_along, _second_across, _square))
    ]


# Residuals of a plane y (batch, height, width) with its transpose t, each near the scale of noise. Triples follow one
# another along the last axis. Rows are left out as early as possible and every slice of a row is contiguous, which is
# what makes the counting cheap on a CPU.


def _first_along(y: Tensor, t: Tensor) -> Tensor:
    rows = y[:, ::2]
    return rows[:, :, 1:] - rows[:, :, :-1]


def _first_across(y: Tensor, t: Tensor) -> Tensor:
    return t[:, 1::2] - t[:, :-1:2]


def _second_along(y: Tensor, t: Tensor) -> Tensor:
    rows = y[:, ::2]
    return (rows[:, :, 2:] - 2 * rows[:, :, 1:-1] + rows[:, :, :-2]) / 1.5


def _second_across(y: Tensor, t: Tensor) -> Tensor:
    return (t[:, 2::2] - 2 * t[:, 1:-1:2] + t[:, :-2:2]) / 1.5


def _square(y: Tensor, t: Tensor) -> Tensor:
    rows = (y[:, 2:] - 2 * y[:, 1:-1] + y[:, :-2])[:, ::2]
    return (2 * rows[:, :, 1:-1] - rows[:, :, 2:] - rows[:, :, :-2]) / 4


def _codes(residual: Tensor) -> Tensor:
    """Three neighbours along a row, each rounded to one of five levels, as one number 0–124; (batch, n)."""
    top = LEVELS // 2
    levels = ops.round(ops.clip(residual, -top, top)) + top
    code = (levels[:, :, :-2] * LEVELS + levels[:, :, 1:-1]) * LEVELS + levels[:, :, 2:]
    return ops.reshape(ops.cast(code, "int32"), (-1, code.shape[1] * code.shape[2]))


def _frequencies(codes: Tensor) -> Tensor:
    counts = ops.cast(ops.bincount(codes, minlength=LEVELS**3), "float32")
    shares = ops.matmul(counts, ops.convert_to_tensor(SYMMETRIC)) / codes.shape[1]
    return ops.sqrt(shares)


@keras.saving.register_keras_serializable("aidetect")
class HighPass(keras.layers.Layer):  # type: ignore[misc]
    """(batch, h, w, 3) pixels → 128 + 8 × (pixels − their 3 × 3 binomial blur), clipped to 0–255, the same shape."""

    def call(self, pixels: Tensor) -> Tensor:
        height, width = pixels.shape[1:3]
        padded = ops.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
        rows = padded[:, :height] + 2 * padded[:, 1 : height + 1] + padded[:, 2:]
        blurred = (rows[:, :, :width] + 2 * rows[:, :, 1 : width + 1] + rows[:, :, 2:]) / 16
        return ops.clip(128 + 8 * (pixels - blurred), 0, 255)


@keras.saving.register_keras_serializable("aidetect")
class OverCrops(keras.layers.Layer):  # type: ignore[misc]
    """(batch × crops, d) values and (batch, ≥ 1 + crops, …) views → (batch, d): the mean over an image's crops."""

    def call(self, values: Tensor, views: Tensor) -> Tensor:
        return ops.mean(ops.reshape(values, (ops.shape(views)[0], -1, values.shape[-1])), axis=1)

    def compute_output_shape(
        self, values_shape: tuple[int | None, ...], views_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return views_shape[0], values_shape[-1]
