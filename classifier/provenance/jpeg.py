"""How a JPEG was compressed, and whether it was compressed before: hints about its history, nothing more.

Double compression: coefficients that were quantised twice leave a periodic histogram (Fan and de Queiroz 2003, Popescu
and Farid 2004).
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin

from classifier.detector.images.quality import jpeg_quality
from classifier.provenance.evidence import Evidence

SAMPLINGS = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1))
SIDE = 512
"""Pixels a side of the middle part that is looked at for double compression."""
PERIODIC, AGREEING = 0.14, 2
"""How strong a period of the histogram must be, and at how many frequencies, to be a hint."""

Floats = npt.NDArray[np.float64]


def _cosines() -> Floats:
    n = np.arange(8)
    basis = np.cos((2 * n[None] + 1) * n[:, None] * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    return np.asarray(basis)


COSINES = _cosines()


def compressed_twice(grey: Image.Image, table: list[int]) -> float:
    """Strength of the strongest agreement between frequencies that the coefficients were quantised before with larger
    steps, in [0, 1]. grey: the decoded luminance, upright as stored; table: its quantisation table, row by row."""
    width, height = (min(SIDE, side // 8 * 8) for side in grey.size)
    if min(width, height) < 128:
        return 0.0
    left, top = ((side - part) // 16 * 8 for side, part in zip(grey.size, (width, height), strict=True))
    pixels = np.asarray(grey.crop((left, top, left + width, top + height)), np.float64) - 128
    blocks = pixels.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    coefficients = COSINES @ blocks @ COSINES.T
    steps = np.array(table, float).reshape(8, 8)
    strengths = [_periodicity(np.round(coefficients[:, u, v] / steps[u, v]).astype(int)) for u, v in FREQUENCIES]
    return float(np.sort(strengths)[-AGREEING])


def _periodicity(values: npt.NDArray[np.int_]) -> float:
    """How much of a histogram's spectrum stands out as one line, in [0, 1]; the smooth decline is taken away first."""
    counts = np.bincount(np.clip(np.abs(values), 0, 40), minlength=41)[1:41].astype(float)
    if counts.sum() < 400:
        return 0.0
    used = max(12, int(np.searchsorted(np.cumsum(counts), 0.98 * counts.sum())) + 1)
    counts = np.sqrt(counts[:used])
    smooth = np.convolve(np.pad(counts, 2, mode="edge"), np.ones(5) / 5, "valid")
    rest = (counts - smooth) * np.hanning(used + 2)[1:-1]
    energy = float(np.square(counts * np.hanning(used + 2)[1:-1]).sum())
    spectrum = np.square(np.abs(np.fft.rfft(rest, 128)))[128 // 8 :]
    return float(min(1.0, 4 * np.sqrt(spectrum.max() / 128 / max(energy, 1e-9) / used * 8)))


def evidence_of(image: Image.Image, grey: Image.Image | None, progressive: bool) -> Evidence | None:
    """The history of an open JPEG (`image`, for its tables) with its luminance decoded (`grey`) at full size, or None:
    then an earlier compression is not looked for."""
    tables: dict[int, list[int]] = getattr(image, "quantization", {})
    if 0 not in tables:
        return None
    quality = jpeg_quality(tables[0])
    strength = compressed_twice(grey, tables[0]) if grey else 0.0
    details: dict[str, object] = {
        "quality": quality,
        "progressive": progressive,
        "sampling": SAMPLINGS.get(JpegImagePlugin.get_sampling(image), "other"),
        "luminance_table": list(tables[0]),
    }
    if grey:
        details["double_compression"] = round(strength, 2)
    words = f"JPEG of quality {quality}{', progressive' if progressive else ''}"
    if strength >= PERIODIC:
        return Evidence(
            "jpeg", "hints", "edited", f"{words}; it was probably compressed before at lower quality.", details
        )
    return Evidence("jpeg", "hints", "none", f"{words}.", details)
