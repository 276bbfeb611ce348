"""What lies where in files: profiles, trailers, broken and bloated packets, tags of TIFF; all files made here."""

import json
import struct

import pytest
from PIL import ExifTags, Image, TiffImagePlugin

from classifier.provenance import samsung, xmp
from classifier.provenance.inspection import inspect
from classifier.provenance.rules import decide
from classifier.provenance.sources import SOURCES, source_type
from tests.pictures import encoded, photo
from tests.provenance import files


def profile(name, block):
    return f"\n{name}\n{len(block):8}\n{block.hex()}\n"


def iim(credit):
    dataset = b"\x1c\x02\x6e" + len(credit).to_bytes(2, "big") + credit
    return b"8BIM\x04\x04\x00\x00" + len(dataset).to_bytes(4, "big") + dataset


PROFILES = {
    "xmp": files.xmp(Iptc4xmpExt_DigitalSourceType=files.AI),
    "APP1": b"http://ns.adobe.com/xap/1.0/\0" + files.xmp(Iptc4xmpExt_DigitalSourceType=files.AI),
    "iptc": iim(b"Made with Google AI"),
    "8bim": iim(b"Made with Google AI"),
    "exif": b"Exif\0\0" + files.exif(comment=b"ASCII\0\0\0" + files.SETTINGS.encode()).removeprefix(b"Exif\0\0"),
}


@pytest.mark.parametrize("name", PROFILES)
def test_raw_profiles_of_imagemagick_are_read(name):
    data = files.png(**{f"Raw profile type {name}": profile(name, PROFILES[name])})
    assert decide(inspect(data)) == "FAKE"


def test_a_broken_packet_hides_no_good_one():
    good, bad = files.xmp(Iptc4xmpExt_DigitalSourceType=files.AI), b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a>"
    for packets in ([good, bad], [bad, good], [good + b"\0junk<"]):
        properties, _ = xmp.read_packets(packets)
        assert properties["Iptc4xmpExt:DigitalSourceType"] == [files.AI]


@pytest.mark.parametrize("before", [True, False])
def test_thousands_of_ancestors_hide_no_declaration(before):
    listed = "".join(f"<rdf:li>{number:032}</rdf:li>" for number in range(6000))
    ancestors = f"<photoshop:DocumentAncestors><rdf:Bag>{listed}</rdf:Bag></photoshop:DocumentAncestors>"
    said = f"<Iptc4xmpExt:DigitalSourceType>{files.AI}</Iptc4xmpExt:DigitalSourceType>"
    packet = files.xmp(said + ancestors if before else ancestors + said)
    data = files.with_chunk(files.png(), b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    assert decide(inspect(data)) == "FAKE"


@pytest.mark.parametrize("name", ["DigitalSourceFileType", "DigitalSourcefileType"])
def test_the_property_of_older_standards_is_read(name):
    packet = files.xmp(f"<Iptc4xmpExt:{name}>{files.AI}</Iptc4xmpExt:{name}>")
    assert decide(inspect(files.saved("JPEG", xmp=packet))) == "FAKE"


@pytest.mark.parametrize("value", ["None", "no AI used", "n/a", "-", "keine", "Human"])
def test_a_form_that_says_no_ai_system_names_none(value):
    packet = files.xmp(Iptc4xmpExt_AISystemUsed=value, Iptc4xmpExt_AIPromptInformation="none")
    assert not [piece for piece in inspect(files.saved("JPEG", xmp=packet)) if piece.direction == "AI"]


def test_an_ai_system_with_a_prompt_declares_and_alone_it_hints():
    both = files.xmp(Iptc4xmpExt_AISystemUsed="Imagen", Iptc4xmpExt_AIPromptInformation="a red bicycle")
    alone = files.xmp(Iptc4xmpExt_AISystemUsed="Imagen")
    assert decide(inspect(files.saved("JPEG", xmp=both))) == "FAKE"
    [piece] = [piece for piece in inspect(files.saved("JPEG", xmp=alone)) if piece.kind == "iptc"]
    assert (piece.strength, piece.direction) == ("hints", "AI")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Created using Generative AI", "trainedAlgorithmicMedia"),
        ("Edited using Generative AI", "compositeWithTrainedAlgorithmicMedia"),
        ("trained algorithmic media", "trainedAlgorithmicMedia"),
        ("http://c2pa.org/digitalsourcetype/trainedAlgorithmicData", "trainedAlgorithmicData"),
        ("Not created using Generative AI", ""),
        ("real photo", ""),
    ],
)
def test_source_types_are_known_by_address_name_and_label(value, name):
    assert source_type(value) == name and (not name or name in SOURCES)


def tiff(**tags):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        info[getattr(ExifTags.Base, name, None) or int(name[1:])] = value
    return encoded(photo(), "TIFF", tiffinfo=info)


def test_a_tiff_with_a_large_layer_block_and_an_odd_tag_shows_its_program_and_camera():
    layers = b"8BIM" + bytes(1_500_000)
    assert decide(inspect(tiff(Software="Midjourney", _37724=layers))) == "FAKE"
    data = bytearray(tiff(Make="Canon", Model="Canon PowerShot S20", Software="x"))
    at = data.index(struct.pack("<HH", 305, 2))
    data[at + 4 : at + 12] = struct.pack("<II", 0xFFFFFFF, 0xFFFFFFF)  # a tag that lies about place and length
    assert [piece for piece in inspect(bytes(data)) if piece.details.get("camera") == "Canon PowerShot S20"]


def test_the_camera_of_xmp_counts_where_exif_was_dropped():
    declared = 'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    element = f"<tiff:Make {declared}>FUJIFILM</tiff:Make><tiff:Model {declared}>X-T5</tiff:Model>"
    assert [
        p for p in inspect(files.saved("JPEG", xmp=files.xmp(element))) if p.details.get("camera") == "FUJIFILM X-T5"
    ]


def trailer(info, name=b"PEg_Info"):
    body = b"\0\0\xa1\x0a" + struct.pack("<I", len(name)) + name + json.dumps(info).encode()
    entry = b"\0\0\xa1\x0a" + struct.pack("<II", len(body), len(body))
    head = b"SEFH" + struct.pack("<II", 106, 1) + entry
    return body + head + struct.pack("<I", len(head)) + b"SEFT"


def test_samsungs_generative_edit_is_an_edit_and_other_blocks_are_not():
    [piece] = samsung.evidence_of(files.saved("JPEG") + trailer({"genAIType": 5}))
    assert (piece.strength, piece.direction) == ("hints", "edited")
    assert not samsung.evidence_of(files.saved("JPEG") + trailer({"genAIType": 0}))
    assert not samsung.evidence_of(files.saved("JPEG") + trailer({"genAIType": 5}, b"Image_UTC_Data"))


@pytest.mark.parametrize("cut", range(4, 60, 7))
def test_a_damaged_trailer_is_no_crash(cut):
    whole = trailer({"genAIType": 5})
    assert samsung.evidence_of(whole[cut:]) in ([], samsung.evidence_of(whole))


def test_the_boxes_of_a_jpeg_xl_are_read_and_its_bare_stream_has_none():
    packet = files.xmp(Iptc4xmpExt_DigitalSourceType=files.AI)
    box = struct.pack(">I4s", len(packet) + 8, b"xml ") + packet
    head = b"\0\0\0\x0cJXL \r\n\x87\n"
    assert decide(inspect(head + box)) == "FAKE"
    assert inspect(b"\xff\x0a" + bytes(40)) == []
    assert [piece for piece in inspect(head + b"\0\0\xff\xffxml ") if "unreadable" in piece.details]


SIGNATURE = "Signature: " + "QUJDRA" * 30
AUTHOR = "3f6a1c9e-7b2d-4c55-9d0a-1f2e3d4c5b6a"


def test_xai_is_known_by_signature_and_uuid_together_only():
    assert decide(inspect(files.png(Description=SIGNATURE, Author=AUTHOR))) == "FAKE"
    for texts in ({"Description": SIGNATURE}, {"Author": AUTHOR}, {"Description": "Signature: Ann", "Author": AUTHOR}):
        assert decide(inspect(files.png(**texts))) is None


def test_heic_is_read_without_the_detectors_help():
    import subprocess
    import sys

    data = encoded(photo(), "HEIF", xmp=files.xmp(Iptc4xmpExt_DigitalSourceType=files.AI))
    code = "import sys; from classifier.provenance.inspection import inspect; print(inspect(sys.stdin.buffer.read()))"
    said = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert b"generated by AI" in said.stdout


def test_a_picture_without_anything_says_nothing():
    assert [piece.kind for piece in inspect(encoded(Image.new("RGB", (64, 64)), "PNG"))] == []
