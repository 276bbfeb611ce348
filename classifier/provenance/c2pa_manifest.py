"""C2PA manifests (Content Credentials): what is signed, whether it still fits the file, and by whom.

Read by c2pa-python without any network: remote manifests and OCSP are off. "Valid" means that signature and contents
fit together; "trusted", that the signer's certificate leads to one of ours (`trust/`, from the C2PA trust list).
"""

import base64
import hashlib
import io
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from classifier.provenance import c2pa_story as story
from classifier.provenance import c2pa_words
from classifier.provenance.c2pa_types import DataHash, Ingredient, Manifest, Manifests, Outcomes, Report, Validity
from classifier.provenance.evidence import Details, Evidence, Strength, clean, only_filled, unreadable

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
ABOUT_THE_SIGNER = ("signingCredential.", "claimSignature.outsideValidity")
"""Failures that leave signature and contents intact: we only can't tell who signed."""
MANIFESTS = story.MANIFESTS
"""How many ingredients are listed."""


@lru_cache(maxsize=4)
def _context(folder: Path) -> Any:
    import c2pa

    anchors = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.pem")))
    settings = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
        "trust": {"trust_anchors": anchors, "trust_config": "\n".join(KEY_USAGES)},
    }
    return c2pa.Context.from_dict(settings)


def reader_of(data: bytes, form: str, trust: Path = TRUST) -> Any:
    """c2pa-python's reader of a file of Pillow format `form`, a key of MIME; to be closed. Raises C2paError."""
    import c2pa

    return c2pa.Reader(MIME[form], io.BytesIO(data), context=_context(trust))


def evidence_of(data: bytes, form: str, trust: Path = TRUST) -> list[Evidence]:
    """The manifest of a file of Pillow format `form`: nothing, or one piece of evidence. trust: a folder of PEM files
    whose certificates are trusted as signers or time stampers. Never raises on what a file may contain."""
    if form not in MIME:
        return []
    import c2pa

    try:
        with reader_of(data, form, trust) as reader:
            report = json.loads(reader.json())
            signing = _signing(reader, report, data) if _failures(report) else Signing()
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
    return [_judged(report, signing)]


@dataclass(frozen=True)
class Signing:
    """validity: when the signer's certificate begins and ends. fits: the signed hash is that of the file, whatever rule
    its exclusions break."""

    validity: Validity = field(default_factory=lambda: Validity())
    fits: bool = False


def _signing(reader: Any, report: Report, data: bytes) -> Signing:
    """Asked for only when something failed."""
    listed = json.loads(reader.crjson()).get("manifests") or []
    active: Any = next((entry for entry in listed if entry.get("label") == report.get("active_manifest")), {})
    about: Any = (active.get("signature") or {}).get("certificateInfo") or {}
    signed: Any = (active.get("assertions") or {}).get("c2pa.hash.data") or {}
    return Signing(cast(Validity, about.get("validity") or {}), _is_hash_of(data, signed))


def _is_hash_of(data: bytes, signed: DataHash) -> bool:
    """Whether a data hash (C2PA 2.2, 18.5) is that of the file without its exclusions."""
    name = str(signed.get("alg") or "sha256")
    exclusions = sorted((int(part["start"]), int(part["length"])) for part in signed.get("exclusions") or [])
    if name not in ("sha256", "sha384", "sha512") or len(exclusions) > 1000:
        return False
    digest, at = hashlib.new(name), 0
    for start, length in exclusions:
        if start < at or length < 0:
            return False
        digest.update(data[at:start])
        at = start + length
    digest.update(data[at:])
    said = str(signed.get("hash") or "").removeprefix("b64").strip("'")
    return base64.b64encode(digest.digest()).decode() == said


def _judged(report: Report, signing: Signing = Signing()) -> Evidence:
    manifests: Manifests = report.get("manifests") or {}
    name = report.get("active_manifest", "")
    active: Manifest = manifests.get(name) or {}
    failures = _failures(report)
    doubts = [code for code in failures if code.startswith(ABOUT_THE_SIGNER)]
    broken = [code for code in failures if not code.startswith((*ABOUT_THE_SIGNER, "cawg.", "timeStamp."))]
    state = _state(report, active, broken, signing)
    signature = active.get("signature_info") or {}
    signer = clean(str(signature.get("issuer") or signature.get("common_name") or "an unnamed signer"), 120)
    when, generator = clean(str(signature.get("time") or ""), 40), story.generator(active)
    told = story.of(manifests, name)
    device, doubt = story.device(active), c2pa_words.certificate(doubts, signing.validity)
    details = only_filled(
        [
            ("state", state),
            ("failed", broken[:8]),
            ("signer_not_accepted", doubts[:3]),
            ("identity_failed", [code for code in failures if _is_about_identity(code)][:3]),
            ("signer", signer),
            ("certificate", doubt),
            ("signed", when),
            ("device", device),
            ("claim_generator", generator),
            ("digital_source_types", told.kinds),
            ("done", [c2pa_words.action(action) for action in story.actions(active)][:20]),
            ("actions", [story.code(action) for action in story.actions(active)][:20]),
            ("ingredients", _tree(manifests, name, frozenset(), [MANIFESTS])),
        ]
    )
    says = told.words
    if state == "invalid":
        return Evidence("c2pa", "hints", "none", _of_invalid(broken, c2pa_words.who(signer), says), details)
    using = device or c2pa_words.program(generator)
    summary = c2pa_words.summary(c2pa_words.who(signer), when, using, doubt, says)
    if broken:
        summary += " The file was not changed since, but the manifest breaks a rule of the standard."
    strength: Strength = "proves" if state == "trusted" else "declares"
    return Evidence("c2pa", strength, told.direction, summary, details)


def _is_about_identity(code: str) -> bool:
    return code.startswith("cawg.") and "untrusted" not in code


def _state(report: Report, active: Manifest, broken: list[str], signing: Signing) -> str:
    """trusted, valid (signature and contents fit together, whatever rule is broken besides) or invalid."""
    if not active:
        return "invalid"
    if not broken:
        return "trusted" if report.get("validation_state") == "Trusted" else "valid"
    matched = {code for code in _matched(report) if "claimSignature" in code or "Hash.match" in code}
    contents = signing.fits or any(code.endswith("Hash.match") for code in matched)
    changed = [
        code for code in broken if "mismatch" in code and not (signing.fits and code == "assertion.dataHash.mismatch")
    ]
    return "valid" if contents and "claimSignature.validated" in matched and not changed else "invalid"


def _of_invalid(broken: list[str], signer: str, says: str) -> str:
    claimed = f" They claimed: {says}." if says else ""
    if any("mismatch" in code for code in broken):
        return f"Content Credentials of {signer} are there, but the file was changed after signing.{claimed}"
    return f"Content Credentials of {signer} are there, but they can't be checked, so they decide nothing.{claimed}"


def _matched(report: Report) -> list[str]:
    """Codes of what was checked and holds."""
    active: Outcomes = (report.get("validation_results") or {}).get("activeManifest") or {}
    return [str(entry.get("code", "")) for entry in active.get("success") or []]


def _failures(report: Report) -> list[str]:
    """Codes of what failed, of the active manifest and of what had not failed before when ingredients were added."""
    results = report.get("validation_results") or {}
    groups: list[Outcomes] = [results.get("activeManifest") or {}]
    groups += [delta.get("validationDeltas") or {} for delta in results.get("ingredientDeltas") or []]
    codes = [str(entry.get("code", "")) for group in groups for entry in group.get("failure") or []]
    return list(dict.fromkeys(filter(None, codes)))


def _tree(manifests: Manifests, name: str, above: frozenset[str], budget: list[int]) -> list[Details]:
    """The ingredients of a manifest with theirs; cycles are cut, and no more than the budget is listed in all."""
    listed: list[Details] = []
    if name in above:
        return listed
    for ingredient in (manifests.get(name) or {}).get("ingredients") or []:
        budget[0] -= 1
        if budget[0] < 0:
            break
        target = str(ingredient.get("active_manifest") or "")
        manifest: Manifest = manifests.get(target) or {}
        entry = only_filled(
            [
                ("title", clean(str(ingredient.get("title") or ""), 120)),
                ("relationship", clean(str(ingredient.get("relationship") or ""), 40)),
                ("claim_generator", story.generator(manifest)),
                ("digital_source_types", story.own_sources(manifest)),
                ("failed", _recorded_failures(ingredient)),
                ("ingredients", _tree(manifests, target, above | {name}, budget) if target else []),
            ]
        )
        listed.append(entry)
    return listed


def _recorded_failures(ingredient: Ingredient) -> list[str]:
    statuses = [entry for entry in ingredient.get("validation_status") or [] if isinstance(entry, dict)]
    codes = [str(entry.get("code", "")) for entry in statuses]
    return [code for code in codes if code and not code.startswith(ABOUT_THE_SIGNER)][:4]
