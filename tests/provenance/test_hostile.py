"""Files made to harm the reader: "unreadable" within bounds of time and memory, never a crash, never a request."""

import resource
import time
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classifier.provenance import containers, exif, stealth, xmp
from classifier.provenance.inspection import inspect
from classifier.provenance.rules import decide
from tests.pictures import encoded, photo
from tests.provenance import files

FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def unreadable(data):
    return [piece.details["unreadable"] for piece in inspect(data) if "unreadable" in piece.details]


def within(seconds, megabytes, data):
    """The evidence of `data`; a file that hangs the reader or fills the memory fails. The seconds are no measurement: a
    file takes milliseconds, a loop takes for ever."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    pieces = inspect(data)
    assert time.perf_counter() - start < seconds
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < megabytes
    return pieces


def png_text(kind, body):
    return files.with_chunk(files.png(), kind, body)


def test_a_zip_bomb_in_a_text_chunk_is_unpacked_no_further_than_the_limit():
    bomb = zlib.compress(b"Steps: 20, " * 20_000_000, 9)
    for body, kind in ((b"parameters\0\0" + bomb, b"zTXt"), (b"parameters\0\x01\0\0\0" + bomb, b"iTXt")):
        pieces = within(30, 60, png_text(kind, body))
        assert any("unpacks to more than" in piece.details.get("unreadable", "") for piece in pieces)
        assert decide(pieces) is None


def test_many_small_bombs_share_one_budget():
    bomb = zlib.compress(b"x" * 3_900_000, 9)
    data = files.png()
    for number in range(40):
        data = files.with_chunk(data, b"zTXt", b"k%d\0\0" % number + bomb)
    assert any(
        "unpacks" in reason for reason in (piece.details.get("unreadable", "") for piece in within(30, 80, data))
    )


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b'<!ENTITY z SYSTEM "file:///etc/passwd">]><l>&j;&z;</l>'
)


def test_a_billion_laughs_are_not_expanded():
    pieces = within(30, 40, files.saved("JPEG", xmp=LAUGHS))
    assert any("entities" in piece.details.get("unreadable", "") for piece in pieces)


def test_deep_xml_is_refused_and_wide_xml_is_cut():
    properties, faults = xmp.read_packets([b"<a>" * 5000 + b"</a>" * 5000])
    assert not properties and "deep" in faults[0]
    properties, faults = xmp.read_packets([b"<a>" + b"<b>1</b>" * 5000 + b"<c>2</c></a>"])
    assert (len(properties["b"]), properties["c"], faults) == (xmp.VALUES, ["2"], [])
    names = b"".join(b"<n%d>1</n%d>" % (number, number) for number in range(5000))
    properties, _ = xmp.read_packets([b"<a>" + names + b"</a>"])
    assert len(properties) == xmp.PROPERTIES


def test_a_hundred_megabytes_of_xmp_are_not_parsed():
    big = b"<x>" + b" " * 100_000_000 + b"</x>"
    data = files.with_chunk(files.png(), b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + big)
    assert any("more than" in piece.details.get("unreadable", "") for piece in within(30, 700, data))
    packed = files.with_chunk(files.png(), b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0" + zlib.compress(big))
    assert any("unpacks" in piece.details.get("unreadable", "") for piece in within(30, 80, packed))


@pytest.mark.parametrize(
    "packet", [b"\xff\xfe\x00garbage", b"<x>\xc3\x28</x>", b"", b"<x", "<x>é</x>".encode("latin-1")]
)
def test_xmp_in_a_wrong_encoding_is_unreadable_and_no_crash(packet):
    pieces = inspect(files.saved("JPEG", xmp=packet)) if packet else inspect(files.saved("JPEG"))
    assert decide(pieces) is None


def test_chunks_and_segments_that_lie_about_their_length_end_the_reading():
    png = files.png(parameters=files.SETTINGS)
    cut = png[: png.index(b"parameters") + 20]
    assert any("claims" in reason for reason in unreadable(cut))
    webp = bytearray(files.saved("WEBP", exif=files.exif(software="x")))
    webp[webp.index(b"EXIF") + 4 : webp.index(b"EXIF") + 8] = b"\xff\xff\xff\x7f"
    assert any("claims" in reason for reason in unreadable(bytes(webp)))
    jpeg = files.saved("JPEG", exif=files.exif(software="Midjourney"))
    at = jpeg.index(b"Exif") - 2
    assert decide(inspect(jpeg)) == "FAKE" and decide(inspect(jpeg[:at] + b"\xff\xff" + jpeg[at + 2 :])) is None


def test_a_loop_of_exif_directories_ends():
    head = b"MM\0*\0\0\0\x08" + b"\0\x02"
    head += bytes.fromhex("8769000400000001") + (8).to_bytes(4, "big")  # the EXIF directory is this one
    head += bytes.fromhex("8825000400000001") + (8).to_bytes(4, "big") + (8).to_bytes(4, "big")
    pieces = within(30, 20, encoded(photo(), "JPEG", exif=b"Exif\0\0" + head))
    assert decide(pieces) is None


def test_a_million_empty_chunks_are_not_all_read():
    data = files.png()[:33] + files.chunk(b"tEXt", b"k\0v") * 400_000 + files.png()[33:]
    assert any("chunks" in piece.details.get("unreadable", "") for piece in within(30, 200, data))
    gif = files.saved("GIF")[:-1] + b"\x21\xfe" + b"\x01x" * 3_000_000 + b"\x00;"
    assert any("chunks" in piece.details.get("unreadable", "") for piece in within(30, 200, gif))
    avif = files.saved("AVIF")
    at = int.from_bytes(avif[:4], "big")
    boxes = avif[:at] + b"\0\0\0\x08free" * 500_000 + avif[at:]
    assert any("chunks" in piece.details.get("unreadable", "") for piece in within(30, 200, boxes))
    nested = avif[:at] + (8 + 8 * 500_000).to_bytes(4, "big") + b"moov" + b"\0\0\0\x08free" * 500_000 + avif[at:]
    assert any("chunks" in piece.details.get("unreadable", "") for piece in within(30, 200, nested))
    assert not unreadable(files.saved("HEIF")) and not unreadable(avif)
    deep = avif[:at] + b"".join((0x7FFFFFFF).to_bytes(4, "big") + b"moov" for _ in range(5000))
    within(30, 200, deep)
    jpeg = files.saved("JPEG")
    segments = jpeg[:2] + b"\xff\xe5\x00\x03x" * 200_000 + jpeg[2:]
    assert any("chunks" in piece.details.get("unreadable", "") for piece in within(30, 200, segments))


def test_a_picture_that_cannot_be_decoded_still_shows_its_metadata():
    data = files.saved("JPEG", exif=files.exif(software="Midjourney"))
    assert decide(inspect(data[: data.index(b"\xff\xda") + 30])) == "FAKE"


def test_hidden_text_that_unpacks_forever_is_cut(monkeypatch):
    monkeypatch.setattr(stealth, "TEXT_LIMIT", 1000)
    data = files.stealth("x" * 100_000, compressed=True)
    assert any("unpacks" in reason for reason in unreadable(data))


SEEDS = [
    files.png(parameters=files.SETTINGS),
    files.saved("JPEG", exif=files.exif("GIMP", "Canon", "EOS", place=True), xmp=files.xmp(photoshop_Credit="AI made")),
    files.saved("WEBP", exif=files.exif("x"), xmp=files.xmp()),
    files.saved("GIF", comment=b"hello"),
    files.saved("TIFF", tiffinfo={700: files.xmp()}),
    files.stealth("hello"),
]


@FUZZ
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), max_size=6),
    st.floats(0, 1),
)
def test_damaged_files_give_evidence_or_none_but_never_an_exception(seed, changes, cut):
    data = bytearray(seed)
    for place, replacement in changes:
        at = int(place * min(len(data), 1500))
        data[at : at + len(replacement)] = replacement
    for piece in inspect(bytes(data[: int(len(data) * max(cut, 0.02))])):
        assert piece.summary and len(piece.summary) < 600


@FUZZ
@given(st.binary(max_size=400))
def test_the_parsers_survive_any_bytes(data):
    for head in (b"", containers.PNG, b"\xff\xd8\xff\xe1", b"RIFF\0\0\0\0WEBP", b"GIF89a"):
        containers.take_apart(head + data)
    xmp.read_iim(data)
    xmp.read_packets([data])
    try:
        exif.evidence_of(exif.read_exif(data), [])
    except Exception as error:  # what is no EXIF is caught by inspect, in one place
        assert not isinstance(error, MemoryError | RecursionError)


@FUZZ
@given(
    st.dictionaries(
        st.sampled_from(["parameters", "prompt", "workflow", "Comment", "Software", "sd-metadata", "Dream"]),
        st.text(max_size=300),
    )
)
def test_generators_text_of_any_kind_is_no_exception(texts):
    from classifier.provenance import generators

    generators.evidence_of(list(texts.items()), {"EXIF Software": " ".join(texts.values())})
