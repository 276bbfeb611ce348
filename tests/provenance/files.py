"""Small files with provenance metadata, made by the tests."""

import io
import struct
import zlib

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from tests.pictures import encoded, photo

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
 xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" xmlns:exif="http://ns.adobe.com/exif/1.0/" {attributes}>
 {elements}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SETTINGS = (
    "a lighthouse, (oil:1.2)\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 4242, "
    'Size: 512x512, Model: dreamer_v3, Lora hashes: "a: 1, b: 2", Version: v1.9.3'
)


def xmp(elements="", **attributes):
    listed = " ".join(f'{name.replace("_", ":")}="{value}"' for name, value in attributes.items())
    return XMP.format(attributes=listed, elements=elements).encode()


def png(size=(48, 40), image=None, **texts):
    info = PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    return encoded(image or photo(*size), "PNG", pnginfo=info)


def chunk(kind, body):
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(data, kind, body):
    """A PNG with one more chunk behind its header."""
    return data[:33] + chunk(kind, body) + data[33:]


def exif(software="", make="", model="", comment=b"", place=False, description=""):
    tags = Image.Exif()
    for tag, value in (
        (ExifTags.Base.Software, software),
        (ExifTags.Base.Make, make),
        (ExifTags.Base.Model, model),
        (ExifTags.Base.ImageDescription, description),
    ):
        if value:
            tags[tag] = value
    inner = tags.get_ifd(ExifTags.IFD.Exif)
    if comment:
        inner[ExifTags.Base.UserComment] = comment
    if model:
        inner[ExifTags.Base.FNumber] = 2.8
        inner[ExifTags.Base.ExposureTime] = 1 / 250
        inner[ExifTags.Base.ISOSpeedRatings] = 200
    if place:
        tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
        tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 12.0, 30.0)
    return tags.tobytes()


def saved(form, **options):
    return encoded(photo(), form, **options)


def stealth(text, channel="alpha", compressed=False, size=(64, 64)):
    """A PNG with text in the lowest bits, down the columns."""
    import gzip

    import numpy as np

    raw = gzip.compress(text.encode()) if compressed else text.encode()
    name = {"alpha": "stealth_png", "rgb": "stealth_rgb"}[channel] + ("comp" if compressed else "info")
    payload = name.encode() + struct.pack(">I", 8 * len(raw)) + raw
    bits = np.unpackbits(np.frombuffer(payload, np.uint8))
    pixels = np.asarray(photo(*size).convert("RGBA" if channel == "alpha" else "RGB")).copy()
    part = pixels[..., 3:] if channel == "alpha" else pixels
    turned = part.swapaxes(0, 1).reshape(-1).copy()
    turned[: len(bits)] = turned[: len(bits)] & 0xFE | bits
    part[...] = turned.reshape(part.swapaxes(0, 1).shape).swapaxes(0, 1)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
