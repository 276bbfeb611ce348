"""Small pictures of what a signed picture was made from, as the manifest brings them along (C2PA 2.2, 18.11).

They are strangers' files inside a stranger's file: read as pixels with the same limits as uploads, scaled down and
written again, so that nothing of them but the picture is left.
"""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PIL import ImageOps

from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import Limits, read_rgb
from classifier.provenance.c2pa_manifest import MIME, reader_of
from classifier.provenance.evidence import Evidence

MOST = 6
"""Ingredients that are shown."""
BYTES = 4_000_000
"""A thumbnail that is larger is none."""
SIDE = (160, 160)


def with_pictures(evidence: Sequence[Evidence], data: bytes, form: str) -> list[Evidence]:
    """The same evidence; a manifest with ingredients has their small pictures in `details["pictures"]`: JPEGs in
    base64, one for each of the first ingredients, "" where there is none."""
    form = "JPEG" if form == "MPO" else form
    if form not in MIME or not any(_has_ingredients(piece) for piece in evidence):
        return list(evidence)
    pictures = pictures_of(data, form)
    if not any(pictures):
        return list(evidence)
    return [
        replace(piece, details={**piece.details, "pictures": pictures}) if _has_ingredients(piece) else piece
        for piece in evidence
    ]


def _has_ingredients(piece: Evidence) -> bool:
    return piece.kind == "c2pa" and bool(piece.details.get("ingredients"))


def pictures_of(data: bytes, form: str) -> list[str]:
    """For each of the active manifest's first ingredients its picture in base64, or "". Never raises on what a file may
    contain."""
    import c2pa

    try:
        with reader_of(data, form) as reader:
            report = json.loads(reader.json())
            active = (report.get("manifests") or {}).get(report.get("active_manifest", "")) or {}
            return [_picture(reader, ingredient) for ingredient in (active.get("ingredients") or [])[:MOST]]
    except (c2pa.C2paError, ValueError, OSError, RecursionError, AttributeError, TypeError):
        return []


def _picture(reader: Any, ingredient: dict[str, Any]) -> str:
    import c2pa

    where = (ingredient.get("thumbnail") or {}).get("identifier")
    if not isinstance(where, str):
        return ""
    buffer = io.BytesIO()
    try:
        reader.resource_to_stream(where, buffer)
        if buffer.tell() > BYTES:
            return ""
        small = ImageOps.contain(read_rgb(buffer.getvalue(), Limits()), SIDE)
    except (c2pa.C2paError, UnreadableImage, ValueError, OSError):
        return ""
    written = io.BytesIO()
    small.save(written, "JPEG", quality=75)
    return base64.b64encode(written.getvalue()).decode()
