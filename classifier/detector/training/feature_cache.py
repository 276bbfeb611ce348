"""Features of pictures, computed once: by the SHA-256 of the picture and of everything that made them what they are."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Halves = npt.NDArray[np.float16]


class FeatureCache:
    """A growing table in two files: `<key>.names`, a SHA-256 a line, and `<key>.values`, as many rows of float16.

    Names are written after their values, so a process that is killed loses at most the batch in hand.
    """

    def __init__(self, folder: Path, made_by: Mapping[str, object], width: int) -> None:
        key = hashlib.sha256(json.dumps(dict(made_by), sort_keys=True).encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{key}.json").write_text(json.dumps(dict(made_by), indent=1, sort_keys=True), encoding="utf-8")
        self.names, self.values, self.width = folder / f"{key}.names", folder / f"{key}.values", width
        self.places: dict[str, int] = {}
        if self.names.is_file():
            known = self.names.read_text(encoding="ascii").split("\n")[:-1]  # a last line without its end is no name
            complete = self.values.stat().st_size // (2 * width)
            self.places = {name: place for place, name in enumerate(known[:complete])}
        self._cut(len(self.places))

    def missing(self, names: Sequence[str]) -> list[int]:
        """The places of those names that have no features yet."""
        return [place for place, name in enumerate(names) if name not in self.places]

    def add(self, names: Sequence[str], features: npt.NDArray[np.floating[Any]]) -> None:
        """Append features (n, width)."""
        with self.values.open("ab") as values:
            values.write(np.asarray(features, np.float16).tobytes())
        with self.names.open("a", encoding="ascii") as file:
            file.writelines(f"{name}\n" for name in names)
        self.places |= {name: len(self.places) + place for place, name in enumerate(names)}

    def get(self, names: Sequence[str]) -> Halves:
        """Features (n, width) of names that are all there."""
        if not names:
            return np.zeros((0, self.width), np.float16)
        table = np.memmap(self.values, np.float16, "r", shape=(len(self.places), self.width))
        return np.array(table[[self.places[name] for name in names]])

    def _cut(self, rows: int) -> None:
        """Drop what a killed process wrote after the last row that has both halves."""
        self.names.write_text("".join(f"{name}\n" for name in self.places), encoding="ascii")
        self.values.touch()
        with self.values.open("r+b") as values:
            values.truncate(rows * 2 * self.width)
