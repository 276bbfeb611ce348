"""A vision transformer whose weights come from elsewhere and are never trained here, read out at its middle blocks.

Dosovitskiy et al., "An Image Is Worth 16x16 Words" (arXiv 2010.11929), in the form of CLIP's image tower (arXiv
2103.00020): a layer norm before the blocks, pre-norm blocks, quick GELU. Middle blocks tell generated pictures from
photographs better than the last one, which has thrown away how a picture was made (arXiv 2512.04969).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from classifier.detector.errors import EncoderError

Weights = dict[str, npt.NDArray[np.float32]]
"""By name: `patch.kernel`, `class_token`, `positions`, `block0.qkv.kernel` …, as `weight_shapes` lists."""


READ = 3
"""How many of the last blocks the head sees."""


@dataclass(frozen=True)
class Shape:
    """blocks: how many are kept. width: channels of a token. size, patch: side of the picture and of a patch in pixels.
    mean, deviation: of the pixels, by channel, in [0, 1]. epsilon: of the layer norms."""

    blocks: int
    width: int = 768
    heads: int = 12
    size: int = 224
    patch: int = 16
    hidden: int = 3072
    activation: Literal["quick_gelu", "gelu"] = "quick_gelu"
    norm_before: bool = True
    epsilon: float = 1e-5
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    deviation: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)

    @property
    def tokens(self) -> int:
        """The class token and the patches."""
        return 1 + (self.size // self.patch) ** 2

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def weight_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """What an encoder of this shape consists of: names and array shapes, matrices as (inputs, outputs)."""
    width, hidden = shape.width, shape.hidden
    wanted: dict[str, tuple[int, ...]] = {
        "patch.kernel": (shape.patch * shape.patch * 3, width),
        "patch.bias": (width,),
        "class_token": (width,),
        "positions": (shape.tokens, width),
    }
    if shape.norm_before:
        wanted |= {"before.scale": (width,), "before.offset": (width,)}
    for block in range(shape.blocks):
        for name, inputs, outputs in (
            ("qkv", width, 3 * width),
            ("out", width, width),
            ("expand", width, hidden),
            ("project", hidden, width),
        ):
            wanted[f"block{block}.{name}.kernel"] = (inputs, outputs)
            wanted[f"block{block}.{name}.bias"] = (outputs,)
        for name in ("norm1", "norm2"):
            wanted |= {f"block{block}.{name}.scale": (width,), f"block{block}.{name}.offset": (width,)}
    return wanted


def precision() -> str:
    """The Keras dtype policy that suits this processor: bfloat16 matrices where it multiplies them natively (AVX-512
    BF16, AMX), which takes about 60 % of the time, otherwise float32."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").split())
    except OSError:
        return "float32"
    return "mixed_bfloat16" if flags & {"avx512_bf16", "amx_bf16"} else "float32"


def encoder(shape: Shape, policy: str = "float32") -> keras.Model:
    """(batch, size, size, 3) pixels 0–255 → one tensor (batch, tokens, width) for each block, the class token first.

    policy: Keras' dtype policy; under "mixed_bfloat16" outputs are bfloat16 and differ from float32's by about 1 %.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return _encoder(shape)
    finally:
        keras.config.set_dtype_policy(before)


def _encoder(shape: Shape) -> keras.Model:
    side = shape.size // shape.patch
    pixels = keras.Input((shape.size, shape.size, 3), name="pixels")
    mean, deviation = np.array(shape.mean) * 255, np.array(shape.deviation) * 255
    x = layers.Rescaling((1 / deviation).tolist(), (-mean / deviation).tolist(), name="standard_pixels")(pixels)
    x = layers.Conv2D(shape.width, shape.patch, strides=shape.patch, name="patch")(x)  # side × side × width
    x = layers.Reshape((side * side, shape.width))(x)
    x = Tokens(name="tokens")(x)  # 1 + side² × width
    if shape.norm_before:
        x = layers.LayerNormalization(epsilon=shape.epsilon, name="before")(x)
    outputs = []
    for number in range(shape.blocks):
        x = _block(x, shape, f"block{number}")  # 1 + side² × width
        outputs.append(x)
    return keras.Model(pixels, outputs, name="encoder")


def _block(x: keras.KerasTensor, shape: Shape, name: str) -> keras.KerasTensor:
    y = layers.LayerNormalization(epsilon=shape.epsilon, name=f"{name}_norm1")(x)
    y = layers.Dense(3 * shape.width, name=f"{name}_qkv")(y)  # tokens × 3 · width
    y = Attention(shape.heads, name=f"{name}_attention")(y)  # tokens × width
    x = layers.Add()([x, layers.Dense(shape.width, name=f"{name}_out")(y)])
    y = layers.LayerNormalization(epsilon=shape.epsilon, name=f"{name}_norm2")(x)
    y = layers.Dense(shape.hidden, name=f"{name}_expand")(y)  # tokens × hidden
    y = y * ops.sigmoid(1.702 * y) if shape.activation == "quick_gelu" else ops.gelu(y, approximate=False)
    return layers.Add()([x, layers.Dense(shape.width, name=f"{name}_project")(y)])


@keras.saving.register_keras_serializable("aidetect")
class Tokens(keras.layers.Layer):  # type: ignore[misc]
    """(batch, n, width) patches → (batch, 1 + n, width): a class token in front, positions added to all."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.class_token = self.add_weight(shape=(shape[-1],), name="class_token")
        self.positions = self.add_weight(shape=(1 + shape[1], shape[-1]), name="positions")  # type: ignore[operator]

    def call(self, patches: Any) -> Any:
        first = ops.broadcast_to(self.class_token, (ops.shape(patches)[0], 1, patches.shape[-1]))
        return ops.concatenate([first, patches], axis=1) + self.positions


@keras.saving.register_keras_serializable("aidetect")
class Attention(keras.layers.Layer):  # type: ignore[misc]
    """(batch, n, 3 · width) queries, keys and values side by side → (batch, n, width), every token looking at all."""

    def __init__(self, heads: int, **options: Any) -> None:
        super().__init__(**options)
        self.heads = heads

    def call(self, qkv: Any) -> Any:
        tokens, width = qkv.shape[1], qkv.shape[2] // 3
        per_head = ops.reshape(qkv, (-1, tokens, 3, self.heads, width // self.heads))
        queries, keys, values = ops.unstack(
            ops.transpose(per_head, (2, 0, 3, 1, 4))
        )  # batch × heads × n × width / heads
        looks = ops.softmax(ops.matmul(queries * (width // self.heads) ** -0.5, ops.swapaxes(keys, -1, -2)))
        return ops.reshape(ops.transpose(ops.matmul(looks, values), (0, 2, 1, 3)), (-1, tokens, width))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape[0], shape[1], shape[2] // 3  # type: ignore[operator]

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "heads": self.heads}


def vit(shape: Shape = Shape(8), policy: str | None = None) -> keras.Model:
    """One view (batch, 1, size, size, 3) → logit: class tokens of the last three blocks and the mean of the patches
    after the first of those, under one linear layer. Only that layer is fitted (`training.token_head`)."""
    views = keras.Input((None, shape.size, shape.size, 3), name="pixels")
    blocks = encoder(shape, policy or precision())(views[:, 0])
    features = layers.Concatenate(name="features")(read_out(blocks))  # 4 · width
    x = layers.BatchNormalization(center=False, scale=False, epsilon=0.0, trainable=False, name="standard")(features)
    return keras.Model(views, layers.Dense(1, name="logit")(clipped(x)), name="vit")


def read_out(blocks: Sequence[Any]) -> list[Any]:
    """Of the tokens after each block, (batch, tokens, width), those that the head sees, each (batch, width) float32."""
    read = blocks[-READ:]
    parts = [block[:, 0] for block in read] + [ops.mean(ops.cast(read[0][:, 1:], "float32"), axis=1)]
    return [ops.cast(part, "float32") for part in parts]


def clipped(standardised: Any) -> Any:
    """What training never saw must not decide alone."""
    return ops.clip(standardised, -6.0, 6.0)


def fill(network: keras.Model, shape: Shape, weights: Weights) -> None:
    """Put `weights` into an `encoder` of that shape. Raises EncoderError where one is missing or of another shape."""
    for name, expected in weight_shapes(shape).items():
        received = weights[name].shape if name in weights else "nothing"
        if received != expected:
            raise EncoderError(f"{name}: expected {expected}, received {received}")
    kernel = weights["patch.kernel"].reshape(shape.patch, shape.patch, 3, shape.width)
    network.get_layer("patch").set_weights([kernel, weights["patch.bias"]])
    network.get_layer("tokens").set_weights([weights["class_token"], weights["positions"]])
    norms = ["before"] if shape.norm_before else []
    for block in range(shape.blocks):
        norms += [f"block{block}.norm1", f"block{block}.norm2"]
        for name in ("qkv", "out", "expand", "project"):
            full = f"block{block}.{name}"
            network.get_layer(full.replace(".", "_")).set_weights([weights[f"{full}.kernel"], weights[f"{full}.bias"]])
    for name in norms:
        network.get_layer(name.replace(".", "_")).set_weights([weights[f"{name}.scale"], weights[f"{name}.offset"]])
