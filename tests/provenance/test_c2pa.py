"""C2PA manifests that we sign ourselves: valid, trusted, broken, with a history."""

import base64
import hashlib
import io
import json
import re
from datetime import UTC, datetime

import pytest
from cryptography import x509
from PIL import Image as Picture

from classifier.provenance import c2pa_pictures
from classifier.provenance.c2pa_manifest import TRUST, Signing, _is_hash_of, _judged
from classifier.provenance.c2pa_pictures import with_pictures
from classifier.provenance.c2pa_words import who
from classifier.provenance.inspection import inspect
from classifier.provenance.rules import decide
from tests.pictures import encoded, photo
from tests.provenance import files, signing

AI, CAMERA = "trainedAlgorithmicMedia", "digitalCapture"


@pytest.fixture(scope="module")
def trust(tmp_path_factory):
    return signing.trust_folder(tmp_path_factory.mktemp("trust"))


def manifest_of(data, **options):
    [piece] = [piece for piece in inspect(data, **options) if piece.kind == "c2pa"]
    return piece


@pytest.mark.parametrize(
    ("form", "mime"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
        ("GIF", "image/gif"),
        ("AVIF", "image/avif"),
    ],
)
def test_a_valid_manifest_of_an_unknown_signer_declares_in(form, mime):
    data = signing.signed(files.saved(form), mime, [("c2pa.created", AI)])
    piece = manifest_of(data)
    assert (piece.strength, piece.direction, piece.details["state"]) == ("declares", "AI", "valid")
    assert piece.details["signer"] == "Test Camera Works" and piece.details["digital_source_types"] == [AI]
    assert "aidetect tests" in piece.details["claim_generator"] and decide(inspect(data)) == "FAKE"


def test_heic_manifests_are_read():
    data = signing.signed(encoded(photo(), "HEIF"), "image/heic", [("c2pa.created", AI)])
    assert manifest_of(data).details["state"] == "valid"


def test_a_trusted_signer_proves_and_a_trusted_camera_decides_real(trust):
    data = signing.signed(files.saved("JPEG"), "image/jpeg", [("c2pa.created", CAMERA)])
    piece = manifest_of(data, trust=trust)
    assert (piece.strength, piece.direction, piece.details["state"]) == ("proves", "camera", "trusted")
    assert decide(inspect(data, trust)) == "REAL" and decide(inspect(data)) is None


@pytest.mark.parametrize("place", [0.4, 0.9])
def test_a_changed_picture_makes_its_manifest_say_nothing(place, trust):
    data = bytearray(signing.signed(files.saved("JPEG"), "image/jpeg", [("c2pa.created", CAMERA)]))
    picture = files.saved("JPEG")
    at = data.rindex(picture[-200:]) + int(place * 150)
    data[at] ^= 0x55
    piece = manifest_of(bytes(data), trust=trust)
    assert (piece.details["state"], piece.strength, piece.direction) == ("invalid", "hints", "none")
    assert piece.details["failed"] and decide(inspect(bytes(data), trust)) is None


def test_appended_bytes_break_a_manifest_rather_than_adding_to_it(trust):
    data = signing.signed(files.saved("JPEG"), "image/jpeg", [("c2pa.created", CAMERA)]) + b"thirteen more"
    assert manifest_of(data, trust=trust).details["state"] == "invalid" and decide(inspect(data, trust)) is None


@pytest.mark.parametrize(
    ("actions", "direction"),
    [
        ([("c2pa.created", CAMERA), ("c2pa.cropped", "")], "camera"),
        ([("c2pa.created", CAMERA), ("c2pa.edited", AI)], "edited"),
        ([("c2pa.created", CAMERA), ("c2pa.edited", "compositeWithTrainedAlgorithmicMedia")], "edited"),
        ([("c2pa.created", "algorithmicMedia")], "none"),
        ([("c2pa.created", "digitalArt")], "none"),
    ],
)
def test_edits_tell_a_capture_from_an_edited_one(actions, direction, trust):
    data = signing.signed(files.saved("JPEG"), "image/jpeg", actions)
    assert manifest_of(data, trust=trust).direction == direction
    assert decide(inspect(data, trust)) == ("REAL" if direction == "camera" else None)


def test_a_picture_opened_from_a_generated_one_is_generated(trust):
    before = signing.signed(files.saved("JPEG"), "image/jpeg", [("c2pa.created", AI)])
    parents = [(before, "image/jpeg", "parentOf")]
    data = signing.signed(files.saved("JPEG", quality=60), "image/jpeg", [("c2pa.opened", "")], parents)
    piece = manifest_of(data, trust=trust)
    assert piece.direction == "AI" and decide(inspect(data, trust)) == "FAKE"
    [ingredient] = piece.details["ingredients"]
    assert ingredient["relationship"] == "parentOf" and ingredient["digital_source_types"] == [AI]


def test_a_generated_part_of_a_composite_makes_it_edited(trust):
    part = signing.signed(files.saved("JPEG"), "image/jpeg", [("c2pa.created", AI)])
    actions = [("c2pa.created", CAMERA), ("c2pa.placed", "")]
    data = signing.signed(files.saved("JPEG", quality=60), "image/jpeg", actions, [(part, "image/jpeg", "componentOf")])
    assert manifest_of(data, trust=trust).direction == "edited" and decide(inspect(data, trust)) is None


def test_boxes_that_lie_about_their_length_never_say_more_than_was_signed():
    whole = signing.signed(files.saved("PNG"), "image/png", [("c2pa.created", AI)])
    places = [match.start() - 4 for match in re.finditer(b"jumb", whole)]
    assert len(places) > 4
    states = set()
    for at in places:
        for length in (0xFFFFFFFF, 9, 1, 0x7FFFFFFF):
            data = bytearray(whole)
            data[at : at + 4] = length.to_bytes(4, "big")
            for piece in [piece for piece in inspect(bytes(data)) if piece.kind == "c2pa"]:
                states.add(piece.details.get("state", "unreadable"))
                said = piece.details.get("digital_source_types", [])
                assert piece.direction == "none" or (piece.details["state"], said) == ("valid", [AI])
    assert "unreadable" in states


@pytest.mark.parametrize("host", ["localhost:5000", "169.254.169.254", "10.0.0.1", "metadata.internal"])
def test_a_remote_manifest_is_named_and_never_fetched(host):
    declared = 'xmlns:dcterms="http://purl.org/dc/terms/"'
    address = f"http://{host}/a.c2pa"
    element = files.xmp(f"<dcterms:provenance {declared}>{address}</dcterms:provenance>")
    attribute = files.xmp().replace(b'about=""', f'about="" {declared} dcterms:provenance="{address}"'.encode())
    states = []
    for packet in (element, attribute):
        pieces = [piece for piece in inspect(files.saved("JPEG", xmp=packet)) if piece.kind == "c2pa"]
        states += [(piece.details.get("state"), piece.details["host"]) for piece in pieces]
    assert states and set(states) == {("remote", host.split(":")[0])}


def test_the_shipped_trust_lists_hold_certificates_that_are_still_valid():
    names = sorted(path.name for path in TRUST.glob("*.pem"))
    assert names == ["claim-signing.pem", "time-stamping.pem"]
    for name in names:
        text = (TRUST / name).read_text()
        certificates = x509.load_pem_x509_certificates(text[text.index("-----BEGIN") :].encode())
        assert len(certificates) >= 20
        assert any("Google" in certificate.subject.rfc4514_string() for certificate in certificates)
        assert all(certificate.not_valid_after_utc > datetime.now(UTC) for certificate in certificates)


def report(**manifests):
    return {"active_manifest": "a", "manifests": manifests, "validation_state": "Valid", "validation_results": {}}


def made_of(*names, created=""):
    actions = [{"action": "c2pa.created", "digitalSourceType": signing.SOURCE + created}] if created else []
    return {
        "ingredients": [{"relationship": "parentOf", "active_manifest": name, "title": name} for name in names],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": actions}}],
    }


def test_ingredients_that_lead_back_to_themselves_end():
    piece = _judged(report(a=made_of("b", "a"), b=made_of("a", "c"), c=made_of("b", created=AI)))
    assert piece.direction == "AI" and piece.details["digital_source_types"] == [AI]
    assert len(json.dumps(piece.details)) < 5000


def test_a_tree_of_ten_thousand_ingredients_is_cut():
    names = [f"m{number}" for number in range(10_000)]
    piece = _judged(report(a=made_of(*names), **{name: made_of(*names[:50]) for name in names}))
    assert len(json.dumps(piece.details)) < 2_000_000


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"active_manifest": "a", "manifests": {"a": {"assertions": [None, {"label": 3}, {"label": "c2pa.actions"}]}}},
        {"active_manifest": "a", "manifests": {"a": {"ingredients": [{}], "claim_generator_info": ["x", None]}}},
        {"active_manifest": "a", "manifests": {"a": {"signature_info": None}}, "validation_results": None},
    ],
)
def test_reports_with_holes_are_read(broken):
    assert _judged(broken).kind == "c2pa"


def with_failures(*codes, matched=("claimSignature.validated", "assertion.dataHash.match"), created=CAMERA):
    told = report(a={**made_of(created=created), "signature_info": {"issuer": "Nikon", "time": "2024-05-03T10:00:00Z"}})
    listed = {"failure": [{"code": code} for code in codes], "success": [{"code": code} for code in matched]}
    return {**told, "validation_state": "Invalid", "validation_results": {"activeManifest": listed}}


@pytest.mark.parametrize(
    "code", ["assertion.action.malformed", "assertion.multipleHardBindings", "ingredient.malformed"]
)
def test_a_rule_that_is_broken_is_no_change_of_the_file(code):
    piece = _judged(with_failures(code))
    assert (piece.details["state"], piece.strength, piece.details["failed"]) == ("valid", "declares", [code])
    assert "changed after signing" not in piece.summary and code not in piece.summary


@pytest.mark.parametrize(
    "code", ["assertion.dataHash.mismatch", "assertion.bmffHash.mismatch", "claimSignature.mismatch"]
)
def test_a_hash_or_signature_that_does_not_match_means_changed_and_the_claim_stays_visible(code):
    piece = _judged(with_failures(code, matched=(), created=AI))
    assert (piece.details["state"], piece.direction) == ("invalid", "none")
    assert "changed after signing" in piece.summary and "generated by AI" in piece.summary


def test_an_exclusion_that_is_too_wide_is_no_change_when_the_signed_hash_matches():
    told = with_failures("assertion.dataHash.mismatch", matched=("claimSignature.validated",))
    assert _judged(told, Signing(fits=True)).details["state"] == "valid"
    assert _judged(told).details["state"] == "invalid"


def test_the_signed_hash_is_that_of_the_file_without_its_exclusions():
    data = bytes(range(200))
    digest = base64.b64encode(hashlib.sha256(data[:10] + data[30:]).digest()).decode()
    signed = {"alg": "sha256", "hash": f"b64'{digest}'", "exclusions": [{"start": 10, "length": 20}]}
    assert _is_hash_of(data, signed)
    assert not _is_hash_of(data[:-1] + b"x", signed)


def test_what_cannot_be_checked_is_neither_changed_nor_believed():
    piece = _judged(with_failures("claimSignature.missing", matched=()))
    assert (piece.details["state"], piece.strength) == ("invalid", "hints") and "can't be checked" in piece.summary


@pytest.mark.parametrize(
    ("validity", "words"),
    [
        ({"notBefore": "2023-01-01T00:00:00Z", "notAfter": "2024-06-01T00:00:00Z"}, "which expired on 1 June 2024"),
        ({"notBefore": "2023-01-01T00:00:00Z", "notAfter": "2090-06-01T00:00:00Z"}, "older than today's trust list"),
        ({"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2090-06-01T00:00:00Z"}, "not on our trust list"),
    ],
)
def test_a_certificate_that_we_cannot_check_is_explained(validity, words):
    piece = _judged({**with_failures("signingCredential.untrusted"), "validation_state": "Valid"}, Signing(validity))
    assert "signed by Nikon" in piece.summary and "on 3 May 2024" in piece.summary and words in piece.summary
    assert piece.details["certificate"] and "captured by a digital camera" in piece.summary


def told_by(action, generator="", **assertions):
    others = [{"label": label.replace("_", "."), "data": data} for label, data in assertions.items()]
    actions = {"label": "c2pa.actions.v2", "data": {"actions": [action]}}
    manifest = {"assertions": [actions, *others], "claim_generator_info": [{"name": generator}]}
    return _judged(report(a=manifest))


@pytest.mark.parametrize(
    ("action", "generator", "direction"),
    [
        ({"action": "c2pa.created"}, "Dreamina/2.4", "AI"),
        ({"action": "c2pa.created", "softwareAgent": {"name": "GPT-4o Image"}}, "x", "AI"),
        ({"action": "c2pa.created", "softwareAgent": {"name": "Some Camera"}}, "ChatGPT", "none"),
        ({"action": "c2pa.created", "description": "Generated by AI"}, "x", "AI"),
        ({"action": "c2pa.created", "description": "Not generated by AI"}, "x", "none"),
        ({"action": "c2pa.edited", "softwareAgent": "Adobe Firefly"}, "Adobe Photoshop", "edited"),
        ({"action": "c2pa.opened", "softwareAgent": "ChatGPT"}, "ChatGPT", "none"),
        ({"action": "c2pa.created"}, "Leica M11-P", "none"),
    ],
)
def test_agents_and_descriptions_speak_where_no_source_type_does(action, generator, direction):
    assert told_by(action, generator).direction == direction


def test_an_ai_disclosure_makes_a_created_picture_generated_and_an_opened_one_edited():
    disclosed = {"c2pa_ai-disclosure": {"modelType": "c2pa.types.model"}}
    assert told_by({"action": "c2pa.created"}, "x", **disclosed).direction == "AI"
    assert told_by({"action": "c2pa.opened"}, "x", **disclosed).direction == "edited"
    camera = {"action": "c2pa.created", "digitalSourceType": signing.SOURCE + CAMERA}
    assert told_by(camera, "x", **disclosed).direction == "edited"


def test_what_was_done_is_told_in_words():
    action = {"action": "c2pa.color_adjustments", "softwareAgent": "Adobe_Lightroom/8", "when": "2025-05-03T10:00:00Z"}
    assert told_by(action).details["done"] == ["colours adjusted with Adobe Lightroom 8, 3 May 2025"]


@pytest.mark.parametrize(
    ("signer", "name"),
    [
        ("Google LLC", "Google"),
        ("OpenAI OpCo, LLC", "OpenAI"),
        ("Adobe Inc.", "Adobe"),
        ("Leica Camera AG", "Leica Camera"),
        ("Nikon Corporation", "Nikon"),
        ("Canon Co., Ltd.", "Canon"),
        ("C2PA Test Signing Cert", "a certificate for tests"),
        ("LLC", "LLC"),
        ("Test Camera Works", "Test Camera Works"),
    ],
)
def test_a_signer_is_named_as_people_call_it(signer, name):
    assert who(signer) == name


def opened(before, mime="image/jpeg"):
    return signing.signed(
        files.saved("JPEG"), "image/jpeg", [("c2pa.opened", "")], ingredients=[(before, mime, "parentOf")]
    )


def test_what_a_picture_was_made_from_comes_as_a_small_picture_of_our_own_writing():
    before = encoded(photo(1200, 800, 4), "JPEG", exif=files.exif("GIMP", place=True))
    data = opened(before)
    plain = inspect(data)
    [with_them] = [piece for piece in with_pictures(plain, data, "JPEG") if piece.kind == "c2pa"]
    small = str(with_them.details["pictures"][0])
    assert len(with_them.details["pictures"]) == 1
    with Picture.open(io.BytesIO(base64.b64decode(small))) as found:
        assert found.format == "JPEG" and max(found.size) == 160 and not found.getexif()
    assert "pictures" not in manifest_of(data).details, "commands and reports are not given any"


def test_an_odd_thumbnail_is_left_out(monkeypatch):
    data = opened(encoded(photo(400, 300, 4), "JPEG"))
    monkeypatch.setattr(c2pa_pictures, "BYTES", 10)
    assert with_pictures(inspect(data), data, "JPEG") == inspect(data)
    for form in ("GIF", "BMP", ""):
        assert with_pictures(inspect(data), b"", form) == inspect(data)


class Odd:
    """A reader whose resource is `content`."""

    def __init__(self, content):
        self.content = content

    def resource_to_stream(self, where, stream):
        stream.write(self.content)


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload=alert(1)>", encoded(photo(64, 64, 1), "JPEG")[:200], b"x" * 5_000_000]
)
def test_a_thumbnail_that_is_no_picture_is_none(content):
    assert c2pa_pictures._picture(Odd(content), {"thumbnail": {"identifier": "x"}}) == ""


@pytest.mark.parametrize("ingredient", [{}, {"thumbnail": None}, {"thumbnail": {"identifier": 7}}])
def test_an_ingredient_without_a_thumbnail_has_none(ingredient):
    assert c2pa_pictures._picture(Odd(b""), ingredient) == ""
