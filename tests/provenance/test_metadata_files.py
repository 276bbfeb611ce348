"""What `inspect` must say of every file in shared/data/metadata: file | verdict it decides | C2PA manifest | digital
source types | generator | camera. The files carry no licence of their own, so they are read where they lie.
"""

from pathlib import Path

import pytest

from classifier.provenance.inspection import inspect
from classifier.provenance.rules import decide

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "metadata"
EXPECTED = """
c2pa_ai/TeenBiscuits__ai_0360.jpeg | FAKE | trusted | trainedAlgorithmicMedia | - | -
c2pa_ai/TeenBiscuits__ai_0362.jpeg | FAKE | trusted | trainedAlgorithmicMedia | - | -
c2pa_ai/TeenBiscuits__ai_0364.jpeg | FAKE | trusted | trainedAlgorithmicMedia | - | -
c2pa_ai/TeenBiscuits__ai_0367.jpeg | FAKE | trusted | trainedAlgorithmicMedia | - | -
c2pa_ai/TeenBiscuits__ai_0369.jpeg | FAKE | trusted | trainedAlgorithmicMedia | - | -
c2pa_ai/dusy4__ceramic-lamp.png | FAKE | trusted | trainedAlgorithmicMedia | - | -
c2pa_ai/dusy4__lowentropy-black-square.png | FAKE | trusted | trainedAlgorithmicMedia | - | -
c2pa_ai/dusy4__lowentropy-red-ball.png | FAKE | trusted | trainedAlgorithmicMedia | - | -
c2pa_ai/dusy4__lowentropy-yellow-circle.png | FAKE | trusted | trainedAlgorithmicMedia | - | -
c2pa_ai/items_spilling_out_of_it..webp | FAKE | valid | trainedAlgorithmicMedia | - | -
c2pa_ai/n_has_dark_hair__1744aee6.webp | FAKE | valid | trainedAlgorithmicMedia | - | -
c2pa_composite/AlexanderFjellheim__12.jpg | - | valid | composite+AI | - | -
c2pa_example_assets/contentauth__car-es-Ps-Cr.jpg | - | valid | - | - | -
c2pa_example_assets/contentauth__crater-lake-cr.jpg | - | remote | - | - | Apple iPhone 13
c2pa_public_testfiles/c2pa-org__adobe-20220124-A.jpg | - | none | - | - | Canon EOS REBEL T3
c2pa_public_testfiles/c2pa-org__adobe-20220124-CA.jpg | - | valid | - | - | -
c2pa_public_testfiles/c2pa-org__adobe-20220124-CICA.jpg | - | valid | - | - | -
c2pa_public_testfiles/c2pa-org__adobe-20220124-CIE-sig-CA.jpg | - | valid | - | - | -
c2pa_public_testfiles/c2pa-org__adobe-20220124-E-sig-CA.jpg | - | invalid | - | - | -
c2pa_public_testfiles/c2pa-org__adobe-20220124-E-uri-CIE-sig-CA.jpg | - | invalid | - | - | -
c2pa_public_testfiles/c2pa-org__adobe-20220124-XCA.jpg | - | invalid | - | - | -
c2pa_rs_fixtures/contentauth__C.jpg | - | valid | algorithmicMedia | - | -
c2pa_rs_fixtures/contentauth__CACA.jpg | - | valid | - | - | -
c2pa_rs_fixtures/contentauth__CA_ct.jpg | - | valid | - | - | -
c2pa_rs_fixtures/contentauth__C_with_CAWG_data.jpg | - | valid | digitalCapture | - | -
c2pa_rs_fixtures/contentauth__E-sig-CA.jpg | - | invalid | - | - | -
c2pa_rs_fixtures/contentauth__MultiPage.tif | - | none | - | - | -
c2pa_rs_fixtures/contentauth__TUSCANY.TIF | - | none | - | - | -
c2pa_rs_fixtures/contentauth__cloud.jpg | - | remote | - | - | -
c2pa_rs_fixtures/contentauth__earth_apollo17.jpg | - | none | - | - | -
c2pa_rs_fixtures/contentauth__image.jpg | - | none | - | - | Canon EOS REBEL T3
c2pa_rs_fixtures/contentauth__libpng-test.png | - | none | - | - | -
c2pa_rs_fixtures/contentauth__libpng-test_with_url.png | - | remote | - | - | -
c2pa_rs_fixtures/contentauth__no_alg.jpg | - | unreadable | - | - | samsung SM-J320F
c2pa_rs_fixtures/contentauth__ocsp.jpg | - | valid | composite+AI trainedAlgorithmicMedia | - | -
c2pa_rs_fixtures/contentauth__prerelease.jpg | - | unreadable | - | - | -
c2pa_rs_fixtures/contentauth__sample1.png | - | none | - | - | Canon EOS REBEL T3
c2pa_rs_fixtures/contentauth__test.tiff | - | none | - | - | -
c2pa_rs_fixtures/contentauth__test_lossless.webp | - | none | - | - | -
c2pa_rs_fixtures/contentauth__thumbnail.jpg | - | none | - | - | Canon EOS REBEL T3
c2pa_rs_fixtures/contentauth__update_manifest.jpg | - | valid | - | - | -
c2pa_rs_fixtures/identity/contentauth__duplicate_assertion_reference.jpg | - | valid | - | - | -
c2pa_rs_fixtures/identity/contentauth__extra_field.jpg | - | valid | - | - | -
c2pa_rs_fixtures/identity/contentauth__invalid_sig_type.jpg | - | valid | - | - | -
c2pa_rs_fixtures/identity/contentauth__malformed_cbor.jpg | - | invalid | - | - | -
c2pa_rs_fixtures/identity/contentauth__pad1_invalid.jpg | - | valid | - | - | -
c2pa_rs_fixtures/identity/contentauth__signature_mismatch.jpg | - | valid | - | - | -
camera_exif/ianare__Canon_40D.jpg | - | none | - | - | Canon EOS 40D
camera_exif/ianare__Canon_DIGITAL_IXUS_400.jpg | - | none | - | - | Canon DIGITAL IXUS 400
camera_exif/ianare__DSCN0010.jpg | - | none | - | - | NIKON COOLPIX P6000
camera_exif/ianare__DSCN0021.jpg | - | none | - | - | NIKON COOLPIX P6000
camera_exif/ianare__DSCN0027.jpg | - | none | - | - | NIKON COOLPIX P6000
camera_exif/ianare__Fujifilm_FinePix_E500.jpg | - | none | - | - | FUJIFILM FinePix E500
camera_exif/ianare__Konica_Minolta_DiMAGE_Z3.jpg | - | none | - | - | KONICA MINOLTA DiMAGE Z3
camera_exif/ianare__Nikon_D70.jpg | - | none | - | - | NIKON D70
camera_exif/ianare__PaintTool_sample.jpg | - | none | - | - | -
camera_exif/ianare__Pentax_K10D.jpg | - | none | - | - | PENTAX K10D
camera_exif/ianare__Ricoh_Caplio_RR330.jpg | - | none | - | - | Caplio RR330
camera_exif/ianare__Sony_HDR-HC3.jpg | - | none | - | - | SONY HDR-HC3
comfyui_workflow/comfyanonymous__hypernetwork_example.png | FAKE | none | - | ComfyUI | -
comfyui_workflow/comfyanonymous__lora.png | FAKE | none | - | ComfyUI | -
comfyui_workflow/comfyanonymous__sdxlturbo_example.png | FAKE | none | - | ComfyUI | -
exif_software_ai/kennyjanson1__AI_image.png | FAKE | none | - | Stable Diffusion | -
iptc_ai/manicurist2.png | FAKE | none | trainedAlgorithmicMedia | - | -
iptc_ai/skincare_specialist4.png | FAKE | none | trainedAlgorithmicMedia | - | -
sd_text_chunks/AUTOMATIC1111/d3x-at__automatic1111_cropped.jpg | FAKE | none | - | AUTOMATIC1111 | -
sd_text_chunks/AUTOMATIC1111/d3x-at__automatic1111_stealth.png | FAKE | none | - | AUTOMATIC1111 | -
sd_text_chunks/ComfyUI/d3x-at__night_evening_day_morning_cropped.png | FAKE | none | - | ComfyUI | -
sd_text_chunks/ComfyUI/d3x-at__unclip_2pass_cropped.png | FAKE | none | - | ComfyUI | -
sd_text_chunks/InvokeAI/d3x-at__invokeai_dream1.png | FAKE | none | - | InvokeAI | -
sd_text_chunks/InvokeAI/d3x-at__invokeai_sdmeta1.png | FAKE | none | - | InvokeAI | -
"""
ROWS = [line.split(" | ") for line in EXPECTED.strip().splitlines()]
needs_files = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"needs the metadata files in {FOLDER}")


@needs_files
def test_every_file_of_the_folder_is_expected():
    there = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file() and path.parent != FOLDER}
    assert there == {row[0] for row in ROWS}


@needs_files
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_inspect_says(row, no_network):
    name, verdict, state, sources, generator, camera = row
    pieces = inspect((FOLDER / name).read_bytes())
    manifest = next((piece for piece in pieces if piece.kind == "c2pa"), None)
    assert (decide(pieces) or "-") == verdict
    assert (manifest.details.get("state", "unreadable") if manifest else "none") == state
    found = manifest.details.get("digital_source_types", []) if manifest else []
    found = found or [piece.details[key] for piece in pieces for key in piece.details if key == "digital_source_type"]
    assert (" ".join(found).replace("compositeWithTrainedAlgorithmicMedia", "composite+AI") or "-") == sources
    assert detail(pieces, "generator", "generator") == generator
    assert detail(pieces, "camera", "camera") == camera
    if state == "invalid":
        assert manifest.strength == "hints" and manifest.direction == "none" and manifest.details["failed"]


def detail(pieces, kind, key):
    return next((piece.details[key] for piece in pieces if piece.kind == kind and key in piece.details), "-")


@needs_files
@pytest.mark.parametrize("row", [row for row in ROWS if row[1] == "-"], ids=lambda row: row[0])
def test_appended_bytes_change_nothing_but_what_a_signature_covers(row):
    data = (FOLDER / row[0]).read_bytes()
    for lie in (b"Made with Google AI", b"parameters\0Steps: 20, Sampler: x", b"trainedAlgorithmicMedia"):
        assert decide(inspect(data + lie)) is None


@needs_files
def test_prompt_model_and_seed_are_shown():
    [piece] = inspect((FOLDER / "comfyui_workflow/comfyanonymous__lora.png").read_bytes())
    assert piece.details["seed"] == 851616030078638
    assert piece.details["model"].endswith((".ckpt", ".safetensors")) and "masterpiece" in piece.details["prompt"]
    [piece] = inspect((FOLDER / "sd_text_chunks/InvokeAI/d3x-at__invokeai_sdmeta1.png").read_bytes())
    assert piece.details["model"] == "deliberateForInvoke_v08" and piece.details["seed"]


TRAIN = FOLDER.parent / "train" / "REAL"


@pytest.mark.skipif(not TRAIN.is_dir(), reason=f"needs the pictures in {TRAIN}")
def test_no_real_picture_of_the_training_data_declares_ai():
    paths = sorted(TRAIN.rglob("*.jpg"))
    assert len(paths) > 3000
    for path in paths:
        pieces = inspect(path.read_bytes())
        assert decide(pieces) is None and not [piece for piece in pieces if piece.direction == "AI"], path
