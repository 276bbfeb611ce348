"""inspect(data): everything a file says about where it comes from."""

import io
from dataclasses import replace
from pathlib import Path

from PIL import Image

from classifier.provenance import aigc, c2pa_manifest, containers, exif, generators, iptc, jpeg, samsung, stealth, xmp
from classifier.provenance.evidence import Evidence, clean, unreadable
from classifier.provenance.names import known_generator
from classifier.provenance.parts import Parts

LARGEST = 200_000_000
PIXELS = 64_000_000
"""Larger pictures are not decoded in full here: what needs each pixel is not looked for."""
MATCHES = 0.5
"""Correlation below which an embedded thumbnail does not show the picture."""


def inspect(data: bytes, trust: Path = c2pa_manifest.TRUST) -> list[Evidence]:
    """Bytes of an image file → evidence, strongest first. Reads nothing but these bytes: no network, no other file but
    the trust list. What is broken becomes a piece of evidence that says so; only MemoryError passes through."""
    parts = containers.take_apart(data[:LARGEST])
    pieces = [] if parts.too_many else c2pa_manifest.evidence_of(data, parts.format, trust)
    pieces += [unreadable("iptc" if "XMP" in what else "generator", what, why) for what, why in parts.complaints]
    properties, faults = xmp.read_packets(parts.xmp)
    pieces += [unreadable("iptc", "The XMP metadata", fault) for fault in faults[:3]]
    iim = xmp.read_iim(parts.iptc)
    tags = exif.Exif()
    try:
        tags = exif.read_exif(parts.exif)
    except Exception as error:  # struct.error, ValueError, OverflowError … on what is no EXIF
        pieces.append(unreadable("camera", "The EXIF metadata", error))
    pieces += _of_texts(parts, properties, iim, tags)
    if not any(piece.kind == "generator" and piece.direction == "AI" for piece in pieces):
        pieces += _of_hidden_text(data, parts)
    pieces += samsung.evidence_of(data) if data[-4:] == b"SEFT" else []
    camera = _camera(tags, properties)
    pieces += exif.evidence_of(camera, xmp.editing_software(properties, iim))
    pieces += _of_pixels(data, parts, tags)
    order = {"proves": 0, "declares": 1, "hints": 2}
    return sorted(_without_contradiction(pieces, camera), key=lambda piece: order[piece.strength])


def _of_texts(parts: Parts, properties: xmp.Properties, iim: dict[str, str], tags: exif.Exif) -> list[Evidence]:
    """What XMP, IPTC, EXIF and text chunks declare."""
    texts = [*parts.texts, *(("UserComment", value) for value in properties.get("exif:UserComment", []))]
    texts += [("description", value) for value in properties.get("dc:description", [])]
    texts += [("author", value) for value in properties.get("dc:creator", [])]
    texts += [(name, tags.texts[name]) for name in ("make", "model", "description", "artist") if name in tags.texts]
    texts += [("UserComment", tags.texts["comment"])] if "comment" in tags.texts else []
    texts += [("windows comment", tags.texts["windows comment"])] if "windows comment" in tags.texts else []
    texts += [("description", iim["caption"])] if "caption" in iim else []
    labels = [*properties.get("TC260:AIGC", [])]
    labels += [text for key, text in texts if key.lower() in (*generators.FREE, "aigc", "tc260:aigc")]
    pieces = aigc.evidence_of(labels) + iptc.evidence_of(properties, iim)
    return pieces + generators.evidence_of(texts, _signed(parts, properties, iim, tags))


def _signed(parts: Parts, properties: xmp.Properties, iim: dict[str, str], tags: exif.Exif) -> dict[str, str]:
    """The fields in which programs name themselves. Artists, sources, credits and rights name people and places."""
    signed = {
        "EXIF Software": tags.texts.get("software", ""),
        "EXIF ProcessingSoftware": tags.texts.get("processing", ""),
        "EXIF Model": _maker(tags.texts.get("model", "")),
        "EXIF Make": _maker(tags.texts.get("make", "")),
        "XMP CreatorTool": xmp.first(properties, "xmp:CreatorTool"),
        "XMP Software": xmp.first(properties, "tiff:Software"),
        "IPTC program": iim.get("originating program", ""),
    }
    named = ("software", "generator", "creator tool", "creatortool")
    return signed | {f"PNG {key}": text for key, text in parts.texts if key.lower() in named}


def _maker(name: str) -> str:
    """Make and Model of generators that sign there. Meta's glasses are cameras, and write the app's name."""
    return "" if "meta" in name.lower() else name


def _camera(tags: exif.Exif, properties: xmp.Properties) -> exif.Exif:
    """The camera of EXIF, or of XMP where EXIF names none; generators and their graphs are no cameras."""
    make, model = tags.texts.get("make", ""), tags.texts.get("model", "")
    settings = dict(tags.settings)
    if not make and not model:
        make, model = xmp.first(properties, "tiff:Make"), xmp.first(properties, "tiff:Model")
        said = (("exposure", "exif:ExposureTime"), ("aperture", "exif:FNumber"), ("focal length", "exif:FocalLength"))
        settings |= {word: value for word, name in said if (value := xmp.first(properties, name))}
    make, model = (
        "" if known_generator(_maker(name)) or "{" in name or name.startswith(("prompt:", "workflow:")) else name
        for name in (make, model)
    )
    texts = {**tags.texts, "make": make, "model": model}
    return exif.Exif(texts, settings, tags.gps, tags.thumbnail)


def _without_contradiction(pieces: list[Evidence], camera: exif.Exif) -> list[Evidence]:
    """A camera's name and exposure beside a mere statement that AI made the picture: one of them is wrong. Both are
    shown and neither decides. Settings, source types and signatures are no mere statements."""
    proven = any(piece.kind == "c2pa" and piece.direction == "camera" for piece in pieces)
    if not camera.camera or not (exif.is_rich(camera.settings) or proven):
        return pieces
    words = "The file also names a camera and its exposure: both can't be true, so neither decides."
    return [
        replace(
            piece, strength="hints", summary=f"{piece.summary} {words}", details={**piece.details, "contradicted": True}
        )
        if _is_statement(piece)
        else piece
        for piece in pieces
    ]


def _is_statement(piece: Evidence) -> bool:
    if piece.direction != "AI" or piece.strength != "declares":
        return False
    if piece.kind == "generator":
        return not {"prompt", "seed", "model", "steps", "sampler"} & set(piece.details)
    return piece.kind == "iptc" and "digital_source_type" not in piece.details


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
    """What a JPEG's compression says, and whether its thumbnail shows it; large ones are decoded at a smaller scale."""
    if parts.format != "JPEG":
        return []
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            large = image.width * image.height > PIXELS
            image.draft("L", (image.width // 8, image.height // 8) if large else None)
            grey = image.convert("L")
            pieces = [jpeg.evidence_of(image, None if large else grey, parts.progressive)]
    except Exception:  # as above
        return []
    match = exif.thumbnail_differs(tags, grey)
    if match is not None and match < MATCHES:
        summary = "The small preview inside the file shows another picture, or an earlier version of this one."
        pieces.append(Evidence("camera", "hints", "edited", summary, {"thumbnail_match": round(match, 2)}))
    return [piece for piece in pieces if piece]
