"""C2PA manifests (Content Credentials): what is signed, whether it still fits the file, and by whom.

Read by c2pa-python without any network: remote manifests and OCSP are off. "Valid" means that signature and contents
fit together; "trusted", that the signer's certificate leads to one of ours (`trust/`, from the C2PA trust list).
"""

import io
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from classifier.provenance.evidence import Direction, Evidence, Strength, clean, only_filled, unreadable
from classifier.provenance.sources import SOURCES, source_type

TRUST = Path(__file__).parent / "trust"
KEY_USAGES = (
    "1.3.6.1.4.1.62558.2.1",  # C2PA claim signing
    "1.3.6.1.5.5.7.3.4",  # e-mail protection
    "1.3.6.1.5.5.7.3.36",  # document signing
    "1.3.6.1.5.5.7.3.8",  # time stamping
    "1.3.6.1.5.5.7.3.9",  # OCSP signing
    "1.3.6.1.4.1.311.76.59.1.9",  # Microsoft's C2PA signing
)
MIME = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "JXL": "image/jxl",
}
ABOUT_THE_SIGNER = ("signingCredential.untrusted", "signingCredential.expired", "signingCredential.invalid")
"""Failures that leave signature and contents intact: we only can't tell who signed."""
EDITS = ("c2pa.edited", "c2pa.color_adjustments", "c2pa.drawing", "c2pa.filtered", "c2pa.cropped", "c2pa.resized",
         "c2pa.orientation", "c2pa.placed", "c2pa.removed", "c2pa.deleted", "c2pa.repackaged")  # fmt: skip
MANIFESTS = 50
"""How many ingredients are listed, and how many manifests of the chain of parents are looked at."""


@lru_cache(maxsize=4)
def _context(folder: Path) -> Any:
    import c2pa

    anchors = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.pem")))
    settings = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
        "trust": {"trust_anchors": anchors, "trust_config": "\n".join(KEY_USAGES)},
    }
    return c2pa.Context.from_dict(settings)


def evidence_of(data: bytes, form: str, trust: Path = TRUST) -> list[Evidence]:
    """The manifest of a file of Pillow format `form`: nothing, or one piece of evidence. trust: a folder of PEM files
    whose certificates are trusted as signers or time stampers. Never raises on what a file may contain."""
    if form not in MIME:
        return []
    import c2pa

    try:
        with c2pa.Reader(MIME[form], io.BytesIO(data), context=_context(trust)) as reader:
            report = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return []
    except c2pa.C2paError as error:
        text = str(error)
        if "must fetch remote manifests" in text:
            host = urlsplit(text.rpartition(" ")[2]).hostname or "another server"
            summary = f"Its manifest lies on {clean(host, 80)}; it was not fetched, so nothing is known of it."
            return [Evidence("c2pa", "hints", "none", summary, {"state": "remote", "host": clean(host, 80)})]
        return [unreadable("c2pa", "The C2PA manifest", text.partition(": ")[2] or text)]
    except (ValueError, OSError, RecursionError, MemoryError) as error:
        return [unreadable("c2pa", "The C2PA manifest", error)]
    return [_judged(report)]


def _judged(report: dict[str, Any]) -> Evidence:
    manifests: dict[str, Any] = report.get("manifests") or {}
    name = report.get("active_manifest", "")
    active: dict[str, Any] = manifests.get(name) or {}
    failures = _failures(report)
    broken = [
        code for code in failures if code not in ABOUT_THE_SIGNER and not code.startswith(("cawg.", "timeStamp."))
    ]
    state = "invalid" if broken or not active else "trusted" if report.get("validation_state") == "Trusted" else "valid"
    signature = active.get("signature_info") or {}
    signer = clean(str(signature.get("issuer") or signature.get("common_name") or "an unnamed signer"), 120)
    direction, words, kinds = _story(manifests, name)
    details = only_filled(
        [
            ("state", state),
            ("failed", broken[:8]),
            ("signer_not_accepted", [code for code in failures if code in ABOUT_THE_SIGNER][:3]),
            (
                "identity_failed",
                [code for code in failures if code.startswith("cawg.") and "untrusted" not in code][:3],
            ),
            ("signer", signer),
            ("signed", clean(str(signature.get("time") or ""), 40)),
            ("claim_generator", _generator(active)),
            ("digital_source_types", kinds),
            ("actions", [_action(action) for action in _actions(active)][:20]),
            ("ingredients", _tree(manifests, name, frozenset(), [MANIFESTS])),
        ]
    )
    if state == "invalid":
        what = ", ".join(broken[:2]) or "its active manifest is missing"
        summary = f"A signed manifest is there, but it does not fit this file ({what}); it says nothing any more."
        return Evidence("c2pa", "hints", "none", summary, details)
    strength: Strength = "proves" if state == "trusted" else "declares"
    unknown = "" if state == "trusted" else ", whose certificate is not on our trust list"
    summary = f"An intact manifest, signed by {signer}{unknown}, says: {words}."
    return Evidence("c2pa", strength, direction, summary, details)


def _failures(report: dict[str, Any]) -> list[str]:
    """Codes of what failed, of the active manifest and of what had not failed before when ingredients were added."""
    results = report.get("validation_results") or {}
    groups = [results.get("activeManifest") or {}]
    groups += [delta.get("validationDeltas") or {} for delta in results.get("ingredientDeltas") or []]
    codes = [str(entry.get("code", "")) for group in groups for entry in group.get("failure") or []]
    return list(dict.fromkeys(filter(None, codes)))


def _story(manifests: dict[str, Any], name: str) -> tuple[Direction, str, list[str]]:
    """What the active manifest and the pictures it was made from say: direction, words, digital source types.

    A picture is AI-generated when it, or the picture it was opened from, was created so. AI in an edit or in a part of
    a composite makes it edited.
    """
    created, edits, kinds = _sources_of(manifests, name)
    if "trainedAlgorithmicMedia" in created:
        return "AI", SOURCES["trainedAlgorithmicMedia"][1], kinds
    with_ai = {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"} & {*created, *edits}
    if with_ai:
        return "edited", SOURCES["compositeWithTrainedAlgorithmicMedia"][1], kinds
    for kind in created:
        direction, words = SOURCES[kind]
        if direction == "camera" and any(SOURCES[other][0] == "edited" for other in edits):
            return "edited", f"{words}, then edited", kinds
        return direction, words, kinds
    for kind in edits:
        return *SOURCES[kind], kinds
    if any(action.get("action") in EDITS for action in _actions(manifests.get(name) or {})):
        return "edited", "edited, without saying where the picture comes from", kinds
    return "none", "nothing about where the picture comes from", kinds


def _sources_of(manifests: dict[str, Any], name: str) -> tuple[list[str], list[str], list[str]]:
    """Digital source types (how the picture began, what was added later, all in order) along the chain of parents."""
    created: list[str] = []
    edits: list[str] = []
    everything: list[str] = []
    seen: set[str] = set()
    on_the_line = [name]
    while on_the_line and len(seen) < MANIFESTS:
        current = on_the_line.pop(0)
        if current in seen:
            continue
        seen.add(current)
        manifest = manifests.get(current) or {}
        for action in _actions(manifest):
            if kind := _source_of(action):
                begins = action.get("action") in ("c2pa.created", "c2pa.opened") and SOURCES[kind][0] != "edited"
                (created if begins else edits).append(kind)
                everything.append(kind)
        for ingredient in manifest.get("ingredients") or []:
            target = str(ingredient.get("active_manifest") or "")
            if ingredient.get("relationship") == "parentOf" and target:
                on_the_line.append(target)
            elif target and ingredient.get("relationship") == "componentOf":
                edits += [kind for kind in _own_sources(manifests.get(target) or {}) if SOURCES[kind][0] == "AI"]
    edits += ["compositeWithTrainedAlgorithmicMedia"] if _creative_work_says_ai(manifests, name) else []
    return created, edits, list(dict.fromkeys([*everything, *edits]))


def _source_of(action: dict[str, Any]) -> str:
    return source_type(str(action.get("digitalSourceType", "")))


def _own_sources(manifest: dict[str, Any]) -> list[str]:
    return [kind for action in _actions(manifest) if (kind := _source_of(action))]


def _creative_work_says_ai(manifests: dict[str, Any], name: str) -> bool:
    """Adobe's older claim about generative fill: an assertion "com.adobe.generative-ai" among the manifest's own."""
    labels = [str(assertion.get("label", "")) for assertion in _assertions(manifests.get(name) or {})]
    return any(label.startswith("com.adobe.generative-ai") for label in labels)


def _assertions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (entry for entry in (manifest.get("assertions") or [])[:500] if isinstance(entry, dict))


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        action
        for assertion in _assertions(manifest)
        if str(assertion.get("label", "")).startswith("c2pa.actions") and isinstance(assertion.get("data"), dict)
        for action in (assertion["data"].get("actions") or [])[:200]
        if isinstance(action, dict)
    ]


def _action(action: dict[str, Any]) -> str:
    agent = action.get("softwareAgent")
    agent = agent.get("name") if isinstance(agent, dict) else agent
    extras = ", ".join(str(part) for part in (_source_of(action), agent) if part)
    return clean(f"{action.get('action', '')}{f' ({extras})' if extras else ''}", 160)


def _generator(manifest: dict[str, Any]) -> str:
    info = manifest.get("claim_generator_info") or []
    named = [f"{entry.get('name', '')} {entry.get('version', '')}".strip() for entry in info if isinstance(entry, dict)]
    return clean("; ".join(named) or str(manifest.get("claim_generator") or ""), 200)


def _tree(manifests: dict[str, Any], name: str, above: frozenset[str], budget: list[int]) -> list[dict[str, Any]]:
    """The ingredients of a manifest with theirs; cycles are cut, and no more than the budget is listed in all."""
    found: list[dict[str, Any]] = []
    if name in above:
        return found
    for ingredient in (manifests.get(name) or {}).get("ingredients") or []:
        budget[0] -= 1
        if budget[0] < 0:
            break
        target = str(ingredient.get("active_manifest") or "")
        manifest = manifests.get(target) or {}
        entry = only_filled(
            [
                ("title", clean(str(ingredient.get("title") or ""), 120)),
                ("relationship", clean(str(ingredient.get("relationship") or ""), 40)),
                ("claim_generator", _generator(manifest)),
                ("digital_source_types", _own_sources(manifest)),
                ("failed", _recorded_failures(ingredient)),
                ("ingredients", _tree(manifests, target, above | {name}, budget) if target else []),
            ]
        )
        found.append(entry)
    return found


def _recorded_failures(ingredient: dict[str, Any]) -> list[str]:
    statuses = [entry for entry in ingredient.get("validation_status") or [] if isinstance(entry, dict)]
    codes = [str(entry.get("code", "")) for entry in statuses]
    return [code for code in codes if code and code not in ABOUT_THE_SIGNER][:4]
