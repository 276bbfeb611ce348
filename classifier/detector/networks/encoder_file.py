"""An encoder on disk: one `.npz` of int8 matrices with a scale and a zero point for each output channel.

Kept once and named by its SHA-256 in the card of every detector that was fitted on it, so that a detector that staff
train is as small as its head. Read with numpy alone, nothing pickled.
"""

import io
import json
import os
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.detector.digests import file_digest
from classifier.detector.errors import EncoderError
from classifier.detector.networks.vit import Shape, Weights, weight_shapes

FORMAT = 1
SUFFIX = ".npz"
HALF = ("patch.kernel", "positions")
"""Kept as float16: small, and nearest to the pixels."""


@dataclass(frozen=True)
class Quantised:
    """A matrix (inputs, outputs) ≈ (values − zero) × scale; values int8, zero int8 and scale float32 by output."""

    values: npt.NDArray[np.int8]
    zero: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]

    def restored(self) -> npt.NDArray[np.float32]:
        """The matrix as float32."""
        return (self.values.astype(np.float32) - self.zero.astype(np.float32)) * self.scale


def quantise(matrix: npt.NDArray[np.float32]) -> Quantised:
    """One scale and one zero point for each output channel, so that its least and greatest weight stay in range; no
    weight moves by more than half a step."""
    low, high = np.minimum(matrix.min(axis=0), 0), np.maximum(matrix.max(axis=0), 0)
    scale = np.maximum((high - low) / 255, 1e-12).astype(np.float32)
    zero = np.clip(np.round(-128 - low / scale), -128, 127)
    values = np.clip(np.round(matrix / scale + zero), -128, 127)
    return Quantised(values.astype(np.int8), zero.astype(np.int8), scale)


def write(path: Path, shape: Shape, arrays: dict[str, npt.NDArray[np.float32] | Quantised]) -> str:
    """Write an encoder; arrays by the names of `vit.weight_shapes`, others are left out. Returns its SHA-256. The same
    input gives the same bytes."""
    kept: dict[str, np.ndarray] = {"header": _as_bytes({"format": FORMAT, **shape.as_dict()})}
    for name, expected in weight_shapes(shape).items():
        array = arrays[name]
        matrix = name.endswith(".kernel") and name not in HALF
        if matrix or isinstance(array, Quantised):
            packed = array if isinstance(array, Quantised) else quantise(array)
            kept |= {f"{name}:values": packed.values, f"{name}:zero": packed.zero, f"{name}:scale": packed.scale}
            received = packed.values.shape
        else:
            kept[name] = array.astype(np.float16 if name in HALF else np.float32)
            received = array.shape
        if received != expected:
            raise EncoderError(f"{name}: expected {expected}, received {received}")
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in kept.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED
            )
    partial.replace(path)
    return digest(path)


def read(path: Path, sha256: str | None = None) -> tuple[Shape, Weights]:
    """The shape and the restored weights. sha256: what a card vouches for. Raises EncoderError with one sentence."""
    if not path.is_file():
        raise EncoderError(f"expected an encoder at {path}; there is no such file")
    if sha256 and (received := digest(path)) != sha256:
        raise EncoderError(f"{path}: expected the encoder with sha256 {sha256}, received {received}")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes())
            if header.pop("format") != FORMAT:
                raise EncoderError(f"{path}: expected format {FORMAT} of an encoder")
            shape = _shape(header)
            return shape, {name: _restored(stored, name) for name in weight_shapes(shape)}
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise EncoderError(f"{path} is not an encoder file, or it is truncated ({error})") from error


def digest(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits; computed once for a file that does not change."""
    known = path.stat()
    return _digest(path, known.st_mtime_ns, known.st_size)


@lru_cache(maxsize=32)
def _digest(path: Path, changed: int, size: int) -> str:
    return file_digest(path)


def find(folders: list[Path], sha256: str) -> Path:
    """The encoder file with this SHA-256 in one of the folders. Raises EncoderError."""
    for path in (path for folder in folders for path in sorted(folder.glob(f"*{SUFFIX}"))):
        if digest(path) == sha256:
            return path
    places = ", ".join(str(folder) for folder in folders)
    raise EncoderError(f"expected the encoder with sha256 {sha256} in {places}; it is missing or was altered")


def _as_bytes(header: dict[str, object]) -> np.ndarray:
    return np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8)


def _shape(header: Any) -> Shape:
    """header: as `Shape.as_dict`, with lists where JSON has no tuples."""
    known: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in header.items()}
    return Shape(**known)


def _restored(stored: "np.lib.npyio.NpzFile", name: str) -> npt.NDArray[np.float32]:
    if f"{name}:values" in stored:
        return Quantised(*(stored[f"{name}:{part}"] for part in ("values", "zero", "scale"))).restored()
    return np.asarray(stored[name], np.float32)
