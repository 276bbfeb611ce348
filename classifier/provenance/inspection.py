"""inspect(data): everything a file says about where it comes from."""

import io
from dataclasses import replace
from pathlib import Path

from PIL import Image

from classifier.provenance import c2pa_manifest, containers, exif, generators, jpeg, stealth, xmp
from classifier.provenance.evidence import Evidence, ProvenanceError, clean, unreadable
from classifier.provenance.parts import Parts

LARGEST = 200_000_000
PIXELS = 50_000_000
MATCHES = 0.5
"""Correlation below which an embedded thumbnail does not show the picture."""


def inspect(data: bytes, trust: Path = c2pa_manifest.TRUST) -> list[Evidence]:
    """Bytes of an image file → evidence, strongest first. Reads nothing but these bytes: no network, no other file but
    the trust list. What is broken becomes a piece of evidence that says so; only MemoryError passes through."""
    parts = containers.take_apart(data[:LARGEST])
    pieces = [] if parts.too_many else c2pa_manifest.evidence_of(data, parts.format, trust)
    pieces += [unreadable("iptc" if "XMP" in what else "generator", what, why) for what, why in parts.complaints]
    properties: xmp.Properties = {}
    try:
        properties = xmp.read_packets(parts.xmp)
    except ProvenanceError as error:
        pieces.append(unreadable("iptc", "The XMP metadata", error))
    iim = xmp.read_iim(parts.iptc)
    pieces += xmp.evidence_of(properties, iim)
    tags = exif.Exif()
    try:
        tags = exif.read_exif(parts.exif)
    except Exception as error:  # Pillow raises struct.error, SyntaxError, KeyError, OverflowError … on broken EXIF
        pieces.append(unreadable("camera", "The EXIF metadata", error))
    pieces += _of_generators(parts, properties, iim, tags)
    if not any(piece.kind == "generator" and piece.direction == "AI" for piece in pieces):
        pieces += _of_hidden_text(data, parts)
    pieces += exif.evidence_of(tags, xmp.editing_software(properties, iim))
    pieces += _of_pixels(data, parts, tags)
    order = {"proves": 0, "declares": 1, "hints": 2}
    return sorted(pieces, key=lambda piece: order[piece.strength])


def _of_generators(parts: Parts, properties: xmp.Properties, iim: dict[str, str], tags: exif.Exif) -> list[Evidence]:
    texts = [*parts.texts, *(("UserComment", value) for value in properties.get("exif:UserComment", []))]
    texts += [(name, tags.texts[name]) for name in ("make", "model", "description") if name in tags.texts]
    texts += [("UserComment", tags.texts["comment"])] if "comment" in tags.texts else []
    signed = {
        "EXIF Software": tags.texts.get("software", ""),
        "EXIF Model": tags.texts.get("model", ""),
        "EXIF Make": tags.texts.get("make", ""),
        "EXIF Artist": tags.texts.get("artist", ""),
        "XMP CreatorTool": xmp.first(properties, "xmp:CreatorTool"),
        "IPTC program": iim.get("originating program", ""),
    }
    signed |= {f"PNG {key}": text for key, text in parts.texts if key in ("Software", "Source")}
    return generators.evidence_of(texts, signed)


def _of_hidden_text(data: bytes, parts: Parts) -> list[Evidence]:
    """Only in formats that keep every bit."""
    if parts.format not in ("PNG", "WEBP") or parts.too_many:
        return []
    modes = ("RGB", "RGBA") if parts.format == "PNG" else ("RGBA",)
    try:
        with Image.open(io.BytesIO(data), formats=(parts.format,)) as picture:
            if picture.width * picture.height > PIXELS or picture.mode not in modes:
                return []
            hidden = stealth.read_stealth(picture)
    except ValueError as error:
        return [unreadable("generator", "Text hidden in the pixels", error)]
    except Exception:  # the picture can't be decoded: no evidence, and the upload check says so in its own words
        return []
    if hidden is None:
        return []
    if found := generators.evidence_of(stealth.as_texts(hidden), {}):
        [piece] = found
        summary = f"{piece.summary[:-1]}, hidden in its pixels."
        return [replace(piece, summary=summary, details={**piece.details, "hidden": True})]
    words = "A generator's text is hidden in the pixels."
    return [Evidence("generator", "hints", "AI", words, {"text": clean(hidden)})]


def _of_pixels(data: bytes, parts: Parts, tags: exif.Exif) -> list[Evidence]:
    if parts.format != "JPEG":
        return []
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if image.width * image.height > PIXELS:
                return []
            image.draft("L", None)
            grey = image.convert("L")
            pieces = [jpeg.evidence_of(image, grey, parts.progressive)]
    except Exception:  # as above
        return []
    match = exif.thumbnail_differs(tags, grey)
    if match is not None and match < MATCHES:
        summary = "The small preview inside the file shows another picture, or an earlier version of this one."
        pieces.append(Evidence("camera", "hints", "edited", summary, {"thumbnail_match": round(match, 2)}))
    return [piece for piece in pieces if piece]
