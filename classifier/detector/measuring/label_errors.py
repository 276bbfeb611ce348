"""Labels that look wrong: images that networks which never saw their source put confidently into the other class."""

import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from classifier.detector.data.manifest import ANY_SIZE, Row
from classifier.detector.errors import DatasetError
from classifier.detector.images.decoding import read_rgb
from classifier.detector.labels import CLASS_NAMES

TILE, CAPTION, COLUMNS = 160, 34, 8


def held_out_logits(folder: Path) -> dict[str, float]:
    """sha256 → logit of every image that `manage.py crossvalidate --output folder` has scored."""
    files = sorted((folder / "sources").glob("*.json"))
    if not files:
        raise DatasetError(f"expected held-out scores below {folder}/sources; make them with: manage.py crossvalidate")
    return {name: logit for file in files for name, logit in json.loads(file.read_text(encoding="utf-8")).items()}


def least_likely(rows: Sequence[Row], logits: dict[str, float], count: int = 48) -> list[tuple[Row, float]]:
    """The `count` rows whose held-out logit speaks most strongly against their label, strongest first."""
    against = [(row, logits[row.sha256]) for row in rows if row.sha256 in logits]
    wrong = [(row, logit) for row, logit in against if (logit > 0) != bool(CLASS_NAMES.index(row.label))]  # type: ignore[arg-type, unused-ignore]
    return sorted(wrong, key=lambda pair: -abs(pair[1]))[:count]


def contact_sheet(found: Sequence[tuple[Row, float]]) -> Image.Image:
    """Thumbnails in rows of eight, each with its label, logit and source below it."""
    lines = -(-len(found) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, max(1, lines) * (TILE + CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for index, (row, logit) in enumerate(found):
        left, top = index % COLUMNS * TILE, index // COLUMNS * (TILE + CAPTION)
        small = ImageOps.contain(read_rgb(row.whole or row.path, ANY_SIZE), (TILE - 8, TILE - 8))
        sheet.paste(small, (left + (TILE - small.width) // 2, top + (TILE - small.height) // 2))
        pen.text((left + 6, top + TILE), f"labelled {row.label}, {logit:+.2f}\n{row.source}", fill="black")
    return sheet
