"""Pictures that a small network learns in a moment."""

import numpy as np
from PIL import Image

from classifier.detector.data.manifest import Row
from classifier.detector.labels import CLASS_NAMES


def dataset(folder, count=120, honest=True, seed=0):
    """REAL pictures have smooth vertical waves, FAKE ones horizontal; not honest: labels have nothing to do with it."""
    rng, rows = np.random.default_rng(seed), []
    y, x = np.mgrid[0:40, 0:40]
    for number in range(count):
        target = number % 2
        seen = target if honest else int(rng.integers(2))
        axis = x if seen else y
        wave = (
            128 + 70 * np.sin(axis / rng.uniform(2, 4) + rng.uniform(0, 6))[..., None] + rng.normal(0, 20, (40, 40, 3))
        )
        path = folder / f"{number}.png"
        Image.fromarray(np.clip(wave, 0, 255).astype(np.uint8)).save(path)
        part = "train" if number < count * 0.6 else "validation" if number < count * 0.8 else "test"
        rows.append(Row(str(path), CLASS_NAMES[target], "waves", sha256=f"{number:064}", group=str(number), split=part))
    return rows
