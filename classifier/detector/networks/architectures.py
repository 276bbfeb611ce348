"""The architectures. Each takes pixels 0–255, shape (batch, size, size, 3), and returns one logit a square; a joint one
takes all views of an image at once, shape (batch, views, size, size, 3). A positive logit means REAL.
"""

from collections.abc import Callable, Sequence
from functools import partial

import keras
import numpy as np
from keras import layers, ops

from classifier.detector.errors import DetectorError
from classifier.detector.images.preprocessing import Preprocessing
from classifier.detector.networks.traces import HighPass, OverCrops, Traces
from classifier.detector.networks.vit import vit


def cnn32() -> keras.Model:
    """The original student project's network: 17,793 parameters, the baseline everything is compared with."""
    inputs = keras.Input((32, 32, 3), name="pixels")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(16, 4, activation="relu")(x)  # 29 × 29 × 16
    x = layers.MaxPooling2D(2)(x)  # 14 × 14 × 16
    x = layers.Conv2D(32, 4, activation="relu")(x)  # 11 × 11 × 32
    x = layers.MaxPooling2D(2)(x)  # 5 × 5 × 32
    x = layers.Conv2D(16, 4, activation="relu")(x)  # 2 × 2 × 16
    x = layers.MaxPooling2D(2)(x)  # 1 × 1 × 16
    x = layers.Flatten()(x)
    x = layers.Dense(32, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(1, name="logit")(x), name="cnn32")


def patch(size: int = 96) -> keras.Model:
    """Native-resolution crops: RGB beside two high-pass residuals, full resolution kept for the first layers.

    Residuals: x − up(down(x)) (NPR, arXiv 2312.10461), which shows how neighbouring pixels were interpolated, and
    x − mean3(x), which shows noise. Their scale (×8) brings them into the range of the RGB channels.
    """
    inputs = keras.Input((size, size, 3), name="pixels")
    rgb = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    npr = layers.Subtract()([rgb, layers.UpSampling2D(2)(layers.AveragePooling2D(2)(rgb))])
    noise = layers.Subtract()([rgb, layers.AveragePooling2D(3, strides=1, padding="same")(rgb)])
    residuals = layers.Rescaling(8.0)(layers.Concatenate()([npr, noise]))
    x = layers.Concatenate()([rgb, residuals])  # 96 × 96 × 9
    x = _conv(x, 24)  # 96 × 96 × 24
    x = _conv(x, 32, strides=2)  # 48 × 48 × 32
    x = _residual_block(x, 32)
    x = _conv(x, 64, strides=2)  # 24 × 24 × 64
    x = _residual_block(x, 64)
    x = _residual_block(x, 64)
    x = _conv(x, 128, strides=2)  # 12 × 12 × 128
    x = _residual_block(x, 128)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.3)(x)
    return keras.Model(inputs, layers.Dense(1, name="logit")(x), name="patch")


def _conv(x: keras.KerasTensor, filters: int, strides: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def _residual_block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    y = _conv(x, filters)
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    return layers.ReLU()(layers.Add()([x, layers.BatchNormalization()(y)]))


def thumbnail() -> keras.Model:
    """For collections of 32 × 32 thumbnails such as CIFAKE: a residual network of 20 layers (ResNet-20, arXiv
    1512.03385), the picture's fine detail beside it."""
    inputs = keras.Input((32, 32, 3), name="pixels")
    rgb = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    noise = layers.Subtract()([rgb, layers.AveragePooling2D(3, strides=1, padding="same")(rgb)])
    x = _conv(layers.Concatenate()([rgb, layers.Rescaling(4.0)(noise)]), 16)  # 32 × 32 × 16
    for filters, strides in ((16, 1), (32, 2), (64, 2)):  # 32, 16 and 8 px a side
        if strides == 2:
            x = _conv(x, filters, strides)
        for _ in range(3 if strides == 1 else 2):
            x = _residual_block(x, filters)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(1, name="logit")(x), name="thumbnail")


def suited(longest_sides: Sequence[int]) -> str:
    """The architecture for pictures with these longest sides in pixels: thumbnails have their own."""
    known = [side for side in longest_sides if side]
    return "thumbnail" if known and np.median(known) <= THUMBNAIL else "vit"


THUMBNAIL = 64


def mobilenet(size: int = 176) -> keras.Model:
    """MobileNetV2 1.0 (arXiv 1801.04381) with its batch normalisation folded into the convolutions, as the quantised
    ImageNet weights come. Layers are named by their place, so that `initial_weights` can fill them in order."""
    inputs = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu6", name="conv_0")(x)  # 88 × 88 × 32
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    number = 1
    for expansion, filters, repeats, strides in stages:
        for repeat in range(repeats):
            x = _inverted_residual(x, expansion, filters, strides if repeat == 0 else 1, number)
            number += 1
    x = layers.Conv2D(1280, 1, activation="relu6", name="conv_18")(x)  # 6 × 6 × 1280
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.3)(x)
    return keras.Model(inputs, layers.Dense(1, name="logit")(x), name="mobilenet")


def _inverted_residual(
    x: keras.KerasTensor, expansion: int, filters: int, strides: int, number: int
) -> keras.KerasTensor:
    y = x
    if expansion > 1:
        y = layers.Conv2D(expansion * x.shape[-1], 1, activation="relu6", name=f"conv_{number}_expand")(y)
    y = layers.DepthwiseConv2D(3, strides=strides, padding="same", activation="relu6", name=f"conv_{number}_depth")(y)
    y = layers.Conv2D(filters, 1, name=f"conv_{number}_project")(y)
    return layers.Add()([x, y]) if strides == 1 and x.shape[-1] == filters else y


def levels(size: int = 224) -> keras.Model:
    """MobileNetV2's view of a square at every depth: mean and deviation of each block's channels, (batch, 5632)."""
    network = mobilenet(size)
    blocks = [network.get_layer("conv_0").output]
    blocks += [_end_of_block(network, number) for number in range(1, 18)]
    blocks.append(network.get_layer("conv_18").output)
    pooled = [pool for block in blocks for pool in _mean_and_deviation(block)]
    return keras.Model(network.input, layers.Concatenate()(pooled), name="levels")


def _end_of_block(network: keras.Model, number: int) -> keras.KerasTensor:
    projected = network.get_layer(f"conv_{number}_project").output
    sums = [layer.output for layer in network.layers if isinstance(layer, layers.Add)]
    return next((total for total in sums if total._keras_history.operation.input[1] is projected), projected)


def _mean_and_deviation(block: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    mean = layers.GlobalAveragePooling2D()(block)
    square = layers.GlobalAveragePooling2D()(ops.square(block))
    return mean, ops.sqrt(ops.maximum(square - ops.square(mean), 1e-6))


def fusion(size: int = 224) -> keras.Model:
    """The whole picture as MobileNetV2 sees it, the fine detail of native crops as it sees that, and the traces that
    neighbouring pixels carry, under one linear layer. Only that layer is fitted, in closed form (see `linear`)."""
    views = keras.Input((None, size, size, 3), name="pixels")  # the whole picture first, then native crops
    whole = views[:, 0]  # 224 × 224 × 3
    crops = ops.reshape(views[:, 1:], (-1, size, size, 3))
    network, traces = levels(size), Traces(name="traces")
    parts = [network(whole), OverCrops()(network(HighPass(name="detail")(crops)), views)]  # 5632 each
    parts += [traces(whole), OverCrops()(traces(crops), views)]
    features = layers.Concatenate(name="features")(parts)
    x = layers.BatchNormalization(center=False, scale=False, epsilon=0.0, trainable=False, name="standard")(features)
    x = ops.clip(x, -6.0, 6.0)  # what training never saw must not decide alone
    return keras.Model(views, layers.Dense(1, name="logit")(x), name="fusion")


def backbone(name: str, size: int = 224) -> keras.Model:
    """A network of keras.applications under one dropout and one logit, to fine-tune end to end, best from `--start
    imagenet`. Its layers lie in the same graph, not in a nested model, so that heat maps find them."""
    application, scaling = APPLICATIONS[name]
    inputs = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs) if scaling == "-1…1" else inputs
    x = layers.Rescaling(1.0, offset=[-123.68, -116.779, -103.939])(x) if scaling == "mean" else x
    body = getattr(keras.applications, application)(include_top=False, weights=None, input_tensor=x)
    x = layers.GlobalAveragePooling2D()(body.output)
    x = layers.Dropout(0.3)(x)
    return keras.Model(inputs, layers.Dense(1, name="logit")(x), name=name)


APPLICATIONS = {
    "mobilenetv2": ("MobileNetV2", "-1…1"),
    "efficientnetv2": ("EfficientNetV2B0", "own"),
    "resnet50": ("ResNet50", "mean"),
    "convnext": ("ConvNeXtTiny", "own"),
}
"""Class in keras.applications and how it wants its pixels ("own": it scales 0–255 itself). ResNet50 was trained on BGR;
its first layer is flipped to RGB when weights are loaded (`initial_weights`)."""


ARCHITECTURES: dict[str, tuple[Callable[[], keras.Model], Preprocessing]] = {
    "cnn32": (cnn32, Preprocessing(view="whole", size=32, grid=1, jpeg_quality=None)),
    "thumbnail": (thumbnail, Preprocessing(view="whole", size=32, grid=1, jpeg_quality=95)),
    "patch": (patch, Preprocessing(view="crops", size=96, grid=3, jpeg_quality=90)),
    "mobilenet": (mobilenet, Preprocessing(view="both", size=176, grid=2, jpeg_quality=90)),
    **{
        name: (partial(backbone, name), Preprocessing(view="both", size=224, grid=1, jpeg_quality=90))
        for name in APPLICATIONS
    },
    "fusion": (fusion, Preprocessing(view="both", size=224, grid=1, jpeg_quality=90, joint=True)),
    "vit": (vit, Preprocessing(view="middle", size=224, grid=1, jpeg_quality=None, joint=True)),
}


def build(architecture: str) -> tuple[keras.Model, Preprocessing]:
    """A fresh network and the preprocessing it was designed for. Raises DetectorError for an unknown name."""
    try:
        network, preprocessing = ARCHITECTURES[architecture]
    except KeyError:
        known = ", ".join(sorted(ARCHITECTURES))
        raise DetectorError(f"expected an architecture out of {known}; received {architecture!r}") from None
    return network(), preprocessing
