"""Whether a picture is a photograph at all, or a drawing, a screenshot, a document, a render: a second head on the
features of a transformer, in a file of its own beside the model."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.detector.digests import file_digest
from classifier.detector.errors import BundleError

FILE = "subject.npz"
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Subject:
    """mean, deviation, coefficients: (d,), of the features, and of what they are like once standardised. limit: above
    it a picture is taken for something else than a photograph."""

    mean: Array
    deviation: Array
    coefficients: Array
    limit: float = 0.0

    def distance(self, features: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(n, d) features → (n,): how far from a photograph; photographs lie below 0, drawings above."""
        standard = (np.asarray(features, np.float32) - self.mean) / self.deviation
        return np.asarray(np.clip(standard, -6, 6) @ self.coefficients, np.float64)

    def is_other(self, features: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """(n, d) features → (n,): which pictures are taken for something else than photographs."""
        return np.asarray(self.distance(features) > self.limit)


def write(folder: Path, subject: Subject) -> str:
    """Put it into a bundle's folder; returns its SHA-256, for the card."""
    partial = folder / f"partial-{FILE}"
    arrays = {"mean": subject.mean, "deviation": subject.deviation, "coefficients": subject.coefficients}
    np.savez(partial, limit=np.float64(subject.limit), **arrays)  # type: ignore[arg-type, unused-ignore]
    partial.replace(folder / FILE)
    return file_digest(folder / FILE)


def read(folder: Path, sha256: str) -> Subject:
    """The one that a card names by its SHA-256. Raises BundleError."""
    path = folder / FILE
    if not path.is_file():
        raise BundleError(f"expected {FILE} in {folder}; it is missing")
    if (received := file_digest(path)) != sha256:
        raise BundleError(f"{path}: expected sha256 {sha256}, received {received}; the file was altered")
    with np.load(path, allow_pickle=False) as stored:
        return Subject(stored["mean"], stored["deviation"], stored["coefficients"], float(stored["limit"]))
