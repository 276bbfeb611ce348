"""What the manifests of a file tell about how the picture came to be: sources, agents, disclosures, parents'."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from classifier.provenance.c2pa_types import Action, Assertion, Manifest, Manifests
from classifier.provenance.c2pa_words import agent
from classifier.provenance.credits import made_by_ai
from classifier.provenance.evidence import Direction, clean
from classifier.provenance.names import known_generator
from classifier.provenance.sources import SOURCES, source_type

MANIFESTS = 50
"""How many manifests of the chain of parents are looked at."""
GENERATED, PARTLY = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
EDITS = ("c2pa.edited", "c2pa.color_adjustments", "c2pa.drawing", "c2pa.filtered", "c2pa.cropped", "c2pa.resized",
         "c2pa.orientation", "c2pa.placed", "c2pa.removed", "c2pa.deleted", "c2pa.repackaged")  # fmt: skip
INVENTS = ("c2pa.edited", "c2pa.drawing", "c2pa.placed", "c2pa.removed", "c2pa.enhanced", "c2pa.filtered")
"""Edits in which a generator that did them invented parts of the picture."""
GENERATIVE = re.compile(r"\bgenerative (?:fill|expand|remove|edit|ai)\b|\bfirefly\b|\bmagic (?:editor|eraser)\b", re.I)
METADATA = ("stds.iptc", "c2pa.metadata", "cawg.metadata", "stds.exif", "stds.schema-org.CreativeWork")


@dataclass(frozen=True)
class Story:
    """words: "" when nothing is said about the source. kinds: digital source types, in order."""

    direction: Direction
    words: str
    kinds: list[str]


@dataclass
class _Sources:
    """How the picture began, what was added later, and every type that is written down, all in order."""

    created: list[str] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)


def of(manifests: Manifests, name: str) -> Story:
    """What the active manifest and the pictures it was made from say.

    A picture is AI-generated when it, or the picture it was opened from, was created so. AI in an edit or in a part of
    a composite makes it edited.
    """
    sources = _sources_of(manifests, name)
    kinds = list(dict.fromkeys([*sources.written, *(kind for kind in sources.edits if kind in (GENERATED, PARTLY))]))
    if any(SOURCES[kind][0] == "AI" for kind in sources.created):
        return Story("AI", SOURCES[GENERATED][1], kinds)
    if any(SOURCES[kind][0] == "AI" or kind == PARTLY for kind in (*sources.created, *sources.edits)):
        return Story("edited", SOURCES[PARTLY][1], kinds)
    for kind in sources.created:
        direction, words = SOURCES[kind]
        if direction == "camera" and any(SOURCES[other][0] == "edited" for other in sources.edits):
            return Story("edited", f"{words}, then edited", kinds)
        return Story(direction, words, kinds)
    for kind in sources.edits:
        return Story(*SOURCES[kind], kinds)
    if any(action.get("action") in EDITS for action in actions(manifests.get(name) or {})):
        return Story("edited", "edited, without saying where the picture comes from", kinds)
    return Story("none", "", kinds)


def _sources_of(manifests: Manifests, name: str) -> _Sources:
    """Along the chain of parents."""
    found, seen, on_the_line = _Sources(), set[str](), [name]
    while on_the_line and len(seen) < MANIFESTS:
        current = on_the_line.pop(0)
        if current in seen:
            continue
        seen.add(current)
        manifest = manifests.get(current) or {}
        _add_own(manifest, found)
        for ingredient in manifest.get("ingredients") or []:
            target = str(ingredient.get("active_manifest") or "")
            if ingredient.get("relationship") == "parentOf" and target:
                on_the_line.append(target)
            elif target and ingredient.get("relationship") == "componentOf":
                found.edits += [kind for kind in own_sources(manifests.get(target) or {}) if SOURCES[kind][0] == "AI"]
    found.edits += [PARTLY] if _creative_work_says_ai(manifests.get(name) or {}) else []
    return found


def _add_own(manifest: Manifest, found: _Sources) -> None:
    """What one manifest says: the types of its actions, else the programs and words of them, else its metadata."""
    own = _Sources()
    for action in actions(manifest):
        begins = action.get("action") in ("c2pa.created", "c2pa.opened")
        if kind := _source_of(action):
            (own.created if begins and SOURCES[kind][0] != "edited" else own.edits).append(kind)
            own.written.append(kind)
        elif kind := _kind_without_type(action, manifest):
            (own.created if kind == GENERATED else own.edits).append(kind)
    if not own.created and not own.edits and (kind := _of_metadata(manifest)):
        (own.edits if SOURCES[kind][0] == "edited" else own.created).append(kind)
        own.written.append(kind)
    if _discloses_ai(manifest) and not own.edits:
        opened = any(action.get("action") == "c2pa.opened" for action in actions(manifest))
        (own.edits if own.created or opened else own.created).append(PARTLY if own.created or opened else GENERATED)
    found.created += own.created
    found.edits += own.edits
    found.written += own.written


def _kind_without_type(action: Action, manifest: Manifest) -> str:
    """The source of an action that names none, by the program that did it and the words for it."""
    name, using = str(action.get("action") or ""), agent(action)
    parameters = _object(action.get("parameters"))
    words = [
        str(said) for said in (action.get("description"), parameters.get("description"), parameters.get("name")) if said
    ]
    by = {made_by_ai(text) for text in words}
    if name == "c2pa.created":
        return GENERATED if "AI" in by or known_generator(using or generator(manifest)) else ""
    generative = any(GENERATIVE.search(text) for text in words)
    return PARTLY if name in INVENTS and (by & {"AI", "edited"} or generative or known_generator(using)) else ""


def _source_of(action: Action) -> str:
    return source_type(str(action.get("digitalSourceType", "")))


def _of_metadata(manifest: Manifest) -> str:
    """A digital source type in IPTC metadata that was signed along."""
    for data in _metadata(manifest):
        for key, value in list(data.items())[:500]:
            if key.rpartition(":")[2] == "DigitalSourceType" and (kind := source_type(str(value))):
                return kind
    return ""


def device(manifest: Manifest) -> str:
    """Make and model of the camera in metadata that was signed along."""
    for data in _metadata(manifest):
        plain = {key.rpartition(":")[2].lower(): str(value) for key, value in list(data.items())[:500]}
        if model := plain.get("model", ""):
            make = plain.get("make", "")
            return clean(model if model.lower().startswith(make.lower()[:5]) and make else f"{make} {model}", 80)
    return ""


def _metadata(manifest: Manifest) -> Iterator[dict[str, object]]:
    for entry in _assertions(manifest):
        if str(entry.get("label", "")).startswith(METADATA):
            yield _object(entry.get("data"))


def _discloses_ai(manifest: Manifest) -> bool:
    """C2PA 2.4's assertion about the model behind a picture."""
    return any(str(entry.get("label", "")).startswith("c2pa.ai-disclosure") for entry in _assertions(manifest))


def own_sources(manifest: Manifest) -> list[str]:
    return [kind for action in actions(manifest) if (kind := _source_of(action))]


def _creative_work_says_ai(manifest: Manifest) -> bool:
    """Adobe's older claim about generative fill: an assertion "com.adobe.generative-ai" among the manifest's own."""
    labels = [str(assertion.get("label", "")) for assertion in _assertions(manifest)]
    return any(label.startswith("com.adobe.generative-ai") for label in labels)


def _assertions(manifest: Manifest) -> Iterator[Assertion]:
    for entry in (manifest.get("assertions") or [])[:500]:
        if isinstance(entry, dict):
            yield cast(Assertion, entry)


def _object(value: object) -> dict[str, object]:
    """A value of the file's own making where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def actions(manifest: Manifest) -> list[Action]:
    return [
        cast(Action, action)
        for assertion in _assertions(manifest)
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in _list(_object(assertion.get("data")).get("actions"))[:200]
        if isinstance(action, dict)
    ]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def code(action: Action) -> str:
    """One action as the standard names it, for those who know it."""
    extras = ", ".join(part for part in (_source_of(action), agent(action)) if part)
    return clean(f"{action.get('action', '')}{f' ({extras})' if extras else ''}", 160)


def generator(manifest: Manifest) -> str:
    info = manifest.get("claim_generator_info") or []
    named = [f"{entry.get('name', '')} {entry.get('version', '')}".strip() for entry in info if isinstance(entry, dict)]
    return clean("; ".join(filter(None, named)) or str(manifest.get("claim_generator") or ""), 200)
