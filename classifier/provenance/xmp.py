"""XMP packets and IPTC-IIM datasets as flat properties.

XMP: ISO 16684-1. IIM: IPTC Information Interchange Model 4.2.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable
from xml.parsers import expat

from classifier.provenance.evidence import ProvenanceError, clean

NAMESPACES = {
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "http://www.tc260.org.cn/ns/AIGC/1.0/": "TC260",
}
KNOWN = {**{prefix: prefix for prefix in NAMESPACES.values()}, "xml": "xml"}
"""What prefixes stand for that a packet uses without declaring them."""
LONG = ("exif:UserComment", "dc:description", "TC260:AIGC")
"""Properties in which settings are written, so that they are kept whole."""
DEPTH, PROPERTIES, VALUES = 64, 2000, 100
"""How deep, how many different properties, and how many values of each are kept; what is beyond is not."""
Properties = dict[str, list[str]]


def read_packets(packets: Iterable[bytes]) -> tuple[Properties, list[str]]:
    """XMP packets → {"prefix:name": [values]} and what was wrong. Elements and attributes alike, lists flattened, in
    document order. What stands before a fault is kept, and no packet hides another.

    Entities and document types are refused; depth and number of values are bounded.
    """
    properties: Properties = defaultdict(list)
    faults = []
    for packet in packets:
        try:
            _Packet(properties).read(packet)
        except ProvenanceError as error:
            faults.append(str(error))
    return dict(properties), faults


class _Packet:
    """One packet being read. Prefixes are resolved here: expat gives up on a single undeclared one."""

    def __init__(self, found: Properties) -> None:
        self.found = found
        self.path: list[str] = []
        self.scopes: list[dict[str, str]] = [{}]
        self.text: list[str] = []
        self.ended = False

    def read(self, packet: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self.text.append
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refused
        try:
            parser.Parse(packet.strip(b"\x00 \r\n\t"), True)
        except expat.ExpatError as error:
            if not self.ended:  # behind the end of the root anything may follow: padding, the rest of a longer packet
                raise ProvenanceError(f"it is no well-formed XML ({error})") from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.path) >= DEPTH:
            raise ProvenanceError(f"it is nested more than {DEPTH} deep")
        declared = {key.partition(":")[2]: uri for key, uri in attributes.items() if key.partition(":")[0] == "xmlns"}
        self.scopes.append({**self.scopes[-1], **declared} if declared else self.scopes[-1])
        self.path.append(self._short(name))
        self.text.clear()
        for key, value in attributes.items():
            if key.partition(":")[0] == "xmlns":
                continue
            short = self._short(key)
            if short == "rdf:resource":
                self._keep(self._owner(), value)
            elif not short.startswith(("rdf:", "xml:")):
                self._keep(short, value)

    def _end(self, name: str) -> None:
        value = "".join(self.text)
        self.text.clear()
        self._keep(self._owner(), value)
        self.path.pop()
        self.scopes.pop()
        self.ended = not self.path

    def _owner(self) -> str:
        return next((step for step in reversed(self.path) if not step.startswith("rdf:")), "")

    def _keep(self, name: str, value: str) -> None:
        if not name or not value.strip() or (name not in self.found and len(self.found) >= PROPERTIES):
            return
        if len(self.found[name]) < VALUES:
            self.found[name].append(clean(value, 100_000) if name in LONG else clean(value))

    def _short(self, name: str) -> str:
        prefix, _, local = name.rpartition(":")
        uri = self.scopes[-1].get(prefix)
        if uri is None:
            return f"{KNOWN.get(prefix, 'other')}:{local}" if prefix else local
        return f"{NAMESPACES.get(uri, 'other')}:{local}"


def _refused(*_: object) -> None:
    raise ProvenanceError("it declares entities, which are not expanded")


IIM = {65: "originating program", 80: "by-line", 110: "credit", 115: "source", 116: "copyright", 120: "caption"}


def read_iim(block: bytes) -> dict[str, str]:
    """IPTC-IIM datasets of record 2 → {name: text}, those of IIM. Stops at the first one that lies about its length."""
    values: dict[str, str] = {}
    at = 0
    while at + 5 <= len(block) and block[at] == 0x1C:
        record, number = block[at + 1], block[at + 2]
        (length,) = struct.unpack_from(">H", block, at + 3)
        value = block[at + 5 : at + 5 + length]
        if length & 0x8000 or len(value) < length:
            break
        if record == 2 and number in IIM:
            values.setdefault(IIM[number], clean(value.decode("utf-8", "replace")))
        at += 5 + length
    return values


def editing_software(properties: Properties, iim: dict[str, str]) -> list[str]:
    """Programs that the metadata names, oldest first, each once."""
    named = [*properties.get("stEvt:softwareAgent", []), *properties.get("xmp:CreatorTool", [])]
    return list(dict.fromkeys([*named, *filter(None, [iim.get("originating program", "")])]))


def first(properties: Properties, name: str) -> str:
    """The first value of a property, "" when there is none."""
    return next(iter(properties.get(name, [])), "")
