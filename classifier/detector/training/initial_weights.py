"""Weights to begin from: ImageNet's, out of keras.applications or of MobileNetV2's quantised TensorFlow Lite file
(which needs TensorFlow), or those of a model of our own."""

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from classifier.detector.errors import DetectorError
from classifier.detector.networks import encoder_file, vit
from classifier.detector.networks.architectures import APPLICATIONS
from classifier.detector.serving.bundle import read_model

IMAGENET = "imagenet"


def load_start(model: keras.Model, start: str) -> None:
    """Fill `model` from `start`: "imagenet", a .tflite file or a .keras file. Raises DetectorError."""
    if start == IMAGENET:
        load_imagenet(model)
    else:
        load_file(model, Path(start))


def load_imagenet(model: keras.Model) -> None:
    """Fill the body of an `architectures.backbone` with keras.applications' ImageNet weights, downloaded once; the
    logit keeps its random ones. Raises DetectorError when there are none for this network or no server is reached."""
    if model.name not in APPLICATIONS:
        known = ", ".join(APPLICATIONS)
        raise DetectorError(f"--start imagenet is for {known}; {model.name} begins from a file, or from nothing")
    application, scaling = APPLICATIONS[model.name]
    try:
        trained = getattr(keras.applications, application)(
            include_top=False, weights=IMAGENET, input_shape=(224, 224, 3)
        )
    except Exception as error:  # urllib's, socket's and Keras' own, as an offline machine meets them
        raise DetectorError(
            f"expected to download the ImageNet weights of {application} ({error}); without the network, copy them to "
            "~/.keras/models, or begin from a file"
        ) from error
    given = [layer for layer in trained.layers if layer.weights]
    wanted = [layer for layer in model.layers if layer.weights and layer.name != "logit"]
    for number, (layer, source) in enumerate(zip(wanted, given, strict=True)):
        weights = source.get_weights()
        if scaling == "mean" and number == 0:
            weights[0] = weights[0][:, :, ::-1]  # trained on BGR, fed with RGB
        layer.set_weights(weights)


def load_file(model: keras.Model, path: Path) -> None:
    """Fill the convolutions of `model` from a .tflite file or from a `.keras` model of the same architecture.

    The file's convolutions are taken in order; quantised values become scale × (value − zero point). Layers that the
    file does not have (the logit) keep their random weights. Raises DetectorError when the shapes don't match.
    """
    if path.suffix == encoder_file.SUFFIX:
        shape, weights = encoder_file.read(path)
        vit.fill(model.get_layer("encoder"), shape, weights)
        return
    if path.suffix == ".keras":
        model.set_weights(read_model(path).get_weights())
        return
    network = next((layer for layer in model.layers if layer.name == "levels"), model)
    wanted = [layer for layer in network.layers if layer.name.startswith("conv_")]
    convolutions = _convolutions(path)[: len(wanted)]
    for layer, (kernel, bias) in zip(wanted, convolutions, strict=True):
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        kernel = kernel.transpose(
            1, 2, 3, 0
        )  # (out, h, w, in) → (h, w, in, out); depthwise (1, h, w, c) → (h, w, c, 1)
        if kernel.shape != tuple(layer.kernel.shape):
            kind = "depthwise" if depthwise else "convolution"
            raise DetectorError(f"{path.name}: expected {kind} {tuple(layer.kernel.shape)}, received {kernel.shape}")
        layer.set_weights([kernel, bias])


def _convolutions(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    import tensorflow as tf

    if not path.is_file():
        raise DetectorError(f"expected weights to start from at {path}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # announced to move into a package of its own; 2.21, which we pin, has it
        interpreter = tf.lite.Interpreter(model_path=str(path))
    tensors: dict[int, dict[str, Any]] = {detail["index"]: detail for detail in interpreter.get_tensor_details()}

    def values(index: int) -> np.ndarray:
        scales = tensors[index]["quantization_parameters"]
        raw = interpreter.tensor(index)().astype(np.float32)
        zero, scale = scales["zero_points"].astype(np.float32), scales["scales"].astype(np.float32)
        return np.asarray((raw - zero) * scale)

    operations = interpreter._get_ops_details()
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D")
    return [
        (values(operation["inputs"][1]), values(operation["inputs"][2]))
        for operation in operations
        if operation["op_name"] in kinds
    ]
