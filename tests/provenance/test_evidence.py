"""Each kind of evidence on small files of our own, and what of it decides."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from classifier.provenance import generators, jpeg
from classifier.provenance.credits import made_by_ai
from classifier.provenance.evidence import Evidence, clean
from classifier.provenance.inspection import inspect
from classifier.provenance.rules import RULES, decide, deciding
from tests.pictures import encoded, photo
from tests.provenance import files


def one(data, kind):
    [piece] = [piece for piece in inspect(data) if piece.kind == kind]
    return piece


# --- IPTC and XMP, in every container


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
def test_a_digital_source_type_is_found_in(form):
    packet = files.xmp(Iptc4xmpExt_DigitalSourceType=files.AI)
    if form == "PNG":
        data = files.with_chunk(files.png(), b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    elif form == "TIFF":
        data = files.saved(form, tiffinfo={700: packet})
    else:
        data = files.saved(form, xmp=packet)
    piece = one(data, "iptc")
    assert (piece.strength, piece.direction) == ("declares", "AI")
    assert piece.details["digital_source_type"] == "trainedAlgorithmicMedia"
    assert decide(inspect(data)) == "FAKE"


def test_a_gif_carries_xmp_and_comments():
    data = encoded(photo(), "GIF", comment=b"made by hand", xmp=files.xmp(Iptc4xmpExt_DigitalSourceType=files.AI))
    if b"XMP DataXMP" not in data:  # Pillow reads it, but does not write it
        packet = files.xmp(Iptc4xmpExt_DigitalSourceType=files.AI)
        trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
        data = data[:-1] + b"\x21\xff\x0bXMP DataXMP" + packet + trailer + b";"
    assert one(data, "iptc").direction == "AI"


def test_elements_attributes_and_lists_say_the_same():
    element = f"<Iptc4xmpExt:DigitalSourceType>{files.AI}</Iptc4xmpExt:DigitalSourceType>"
    listed = (
        f"<Iptc4xmpExt:DigitalSourceType><rdf:Bag><rdf:li>{files.AI}</rdf:li></rdf:Bag></Iptc4xmpExt:DigitalSourceType>"
    )
    resource = f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{files.AI}"/>'
    for elements in (element, listed, resource):
        assert one(files.saved("JPEG", xmp=files.xmp(elements)), "iptc").direction == "AI"


@pytest.mark.parametrize(
    ("kind", "direction"),
    [("compositeWithTrainedAlgorithmicMedia", "edited"), ("digitalCapture", "camera"), ("screenCapture", "none")],
)
def test_other_source_types_have_their_direction_and_decide_nothing(kind, direction):
    data = files.saved("JPEG", xmp=files.xmp(Iptc4xmpExt_DigitalSourceType=files.AI.rsplit("/", 1)[0] + "/" + kind))
    assert one(data, "iptc").direction == direction and decide(inspect(data)) is None


def test_a_source_type_that_iptc_does_not_know_is_no_evidence():
    data = files.saved("JPEG", xmp=files.xmp(Iptc4xmpExt_DigitalSourceType="http://example.org/verySyntheticMedia"))
    assert not [piece for piece in inspect(data) if piece.kind == "iptc"]


@pytest.mark.parametrize(
    ("credit", "direction"),
    [
        ("Made with Google AI", "AI"),
        ("Edited with Google AI", "edited"),
        ("AI Generated", "AI"),
        ("Mit KI erstellt", "AI"),
        ("Aina Made", None),
        ("Kai Generated Pictures", None),
    ],
)
def test_credit_lines_count_by_whole_words(credit, direction):
    assert made_by_ai(credit) == direction
    pieces = [p for p in inspect(files.saved("JPEG", xmp=files.xmp(photoshop_Credit=credit))) if p.kind == "iptc"]
    assert [piece.direction for piece in pieces] == ([direction] if direction else [])


def test_iptc_iim_credit_lines_are_read():
    dataset = b"\x1c\x02\x6e" + len(b"Made with Google AI").to_bytes(2, "big") + b"Made with Google AI"
    resource = b"8BIM\x04\x04\x00\x00" + len(dataset).to_bytes(4, "big") + dataset
    segment = b"Photoshop 3.0\x00" + resource
    plain = files.saved("JPEG")
    data = plain[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + plain[2:]
    assert one(data, "iptc").details == {"credit": "Made with Google AI"}


def test_extended_xmp_is_put_together():
    packet = files.xmp(Iptc4xmpExt_DigitalSourceType=files.AI)
    head = b"http://ns.adobe.com/xmp/extension/\x00" + b"A" * 32 + len(packet).to_bytes(4, "big")
    cut = len(packet) // 2
    plain, segments = files.saved("JPEG"), b""
    for offset, part in ((cut, packet[cut:]), (0, packet[:cut])):
        body = head + offset.to_bytes(4, "big") + part
        segments += b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    assert one(plain[:2] + segments + plain[2:], "iptc").direction == "AI"


# --- Generators

COMFY = {
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl.safetensors"}},
    "3": {"class_type": "KSampler", "inputs": {"seed": 77, "steps": 20, "model": ["4", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["4", 1]}},
}
NOVELAI = {
    "Title": "NovelAI generated image",
    "Description": "a lighthouse",
    "Software": "NovelAI",
    "Source": "NovelAI Diffusion V4",
    "Comment": json.dumps({"prompt": "a lighthouse", "seed": 5, "uc": "blurry"}),
}
SWARM = {"sui_image_params": {"prompt": "a lighthouse", "model": "flux-dev", "seed": 8, "swarm_version": "0.9"}}
FOOOCUS = {"prompt": "a lighthouse", "base_model": "juggernaut", "seed": "9", "version": "Fooocus v2.5.5"}
DRAW_THINGS = {"c": "a lighthouse", "uc": "blurry", "model": "flux_1.ckpt", "sampler": "Euler", "seed": 11, "steps": 8}
INVOKE = {
    "positive_prompt": "a lighthouse",
    "model": {"name": "dreamer", "base": "sdxl"},
    "seed": 12,
    "app_version": "5",
}
JOB = "a lighthouse --v 6.1 Job ID: 01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    ("generator", "texts"),
    [
        ("AUTOMATIC1111", {"parameters": files.SETTINGS}),
        ("Fooocus", {"parameters": files.SETTINGS.replace("v1.9.3", "Fooocus v2.5.5")}),
        ("Fooocus", {"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"}),
        ("ComfyUI", {"prompt": json.dumps(COMFY), "workflow": json.dumps({"nodes": []})}),
        ("InvokeAI", {"invokeai_metadata": json.dumps(INVOKE)}),
        ("NovelAI", NOVELAI),
        ("SwarmUI", {"parameters": json.dumps(SWARM)}),
        ("Draw Things", {"Comment": json.dumps(DRAW_THINGS)}),
        ("Easy Diffusion", {"use_stable_diffusion_model": "sd-v1-5", "prompt": "a lighthouse", "seed": "3"}),
        ("Midjourney", {"Description": JOB}),
    ],
)
def test_a_generators_text_in_a_png_is_read(generator, texts):
    data = files.png(**texts)
    piece = one(data, "generator")
    assert piece.details["generator"] == generator and "a lighthouse" in piece.details["prompt"]
    assert generator == "Midjourney" or piece.details.get("model") or piece.details.get("seed")
    assert (piece.strength, piece.direction, decide(inspect(data))) == ("declares", "AI", "FAKE")


def test_prompt_model_and_seed_of_automatic1111_are_told_apart():
    details = one(files.png(parameters=files.SETTINGS), "generator").details
    assert details["prompt"] == "a lighthouse, (oil:1.2)" and details["negative_prompt"] == "blurry"
    assert (details["seed"], details["model"], details["steps"]) == ("4242", "dreamer_v3", "20")


@pytest.mark.parametrize("code", [b"UNICODE\0", b"ASCII\0\0\0", b"\0" * 8, b""])
def test_automatic1111_settings_in_exif_are_read_in_every_encoding(code):
    text = files.SETTINGS.encode("utf-16-be" if code.startswith(b"UNI") else "utf-8")
    data = files.saved("JPEG", exif=files.exif(comment=code + text))
    assert one(data, "generator").details["seed"] == "4242"


def test_comfyui_in_a_webp_hides_in_make_and_model():
    block = files.exif(make="workflow:" + json.dumps({"nodes": []}), model="prompt:" + json.dumps(COMFY))
    details = one(files.saved("WEBP", exif=block), "generator").details
    assert (details["generator"], details["seed"], details["model"]) == ("ComfyUI", 77, "sd_xl.safetensors")


@pytest.mark.parametrize("channel", ["alpha", "rgb"])
@pytest.mark.parametrize("compressed", [False, True])
def test_stealth_text_is_read(channel, compressed):
    piece = one(files.stealth(files.SETTINGS, channel, compressed), "generator")
    assert piece.details["generator"] == "AUTOMATIC1111" and piece.details["hidden"] is True
    piece = one(files.stealth(json.dumps(NOVELAI), channel, compressed), "generator")
    assert piece.details["generator"] == "NovelAI" and piece.details["prompt"] == "a lighthouse"


def test_stealth_text_that_lies_about_its_length_is_unreadable():
    with Image.open(io.BytesIO(files.stealth("x" * 40))) as picture:
        pixels = np.asarray(picture).copy()
    column = pixels[..., 3].swapaxes(0, 1).reshape(-1).copy()
    column[120:152] |= 1
    pixels[..., 3] = column.reshape(64, 64).swapaxes(0, 1)
    piece = one(encoded(Image.fromarray(pixels), "PNG"), "generator")
    assert piece.direction == "none" and "longer than the picture" in piece.details["unreadable"]


@pytest.mark.parametrize(
    ("software", "name"),
    [
        ("Midjourney v6", "Midjourney"),
        ("DALL-E 3", "DALL·E"),
        ("OpenAI-API", "OpenAI"),
        ("stable-diffusion-xl", "Stable Diffusion"),
        ("Adobe Firefly", "Adobe Firefly"),
        ("Bing Image Creator", "Microsoft"),
        ("Google Imagen", "Google"),
        ("Leonardo.Ai", "Leonardo.Ai"),
        ("FLUX.1 by Black Forest Labs", "FLUX"),
        ("DiffusionBee", "DiffusionBee"),
    ],
)
def test_generators_are_known_by_the_names_they_sign_with(software, name):
    assert generators.known_generator(software) == name


@pytest.mark.parametrize(
    "software", ["Adobe Photoshop 25.3", "GIMP 2.10", "Imagenomic", "Fluxbox", "Leonardo Camera", ""]
)
def test_programs_that_are_no_generators_are_not_taken_for_one(software):
    assert generators.known_generator(software) == ""
    assert decide(inspect(files.saved("JPEG", exif=files.exif(software=software or "x")))) is None


def test_a_program_that_names_itself_in_exif_declares_ai():
    data = files.saved("JPEG", exif=files.exif(software="stability.ai"))
    assert one(data, "generator").details == {"generator": "Stable Diffusion", "EXIF Software": "stability.ai"}


def test_the_same_words_in_a_caption_or_behind_the_picture_are_no_evidence():
    caption = files.saved("JPEG", exif=files.exif(description="A talk about Midjourney and Stable Diffusion"))
    appended = files.saved("JPEG") + b"\x00Midjourney\x00parameters\x00" + files.SETTINGS.encode()
    after_end = files.png() + files.chunk(b"tEXt", b"parameters\0" + files.SETTINGS.encode())
    for data in (caption, appended, after_end):
        assert not [piece for piece in inspect(data) if piece.direction == "AI"]


@pytest.mark.parametrize(
    "texts",
    [
        {"parameters": "{not json"},
        {"prompt": "[]", "workflow": "null"},
        {"prompt": "a prompt of a photographer", "Comment": "made by hand"},
        {"sd-metadata": "[]"},
        {"invokeai_metadata": "3"},
        {"Software": "NovelAI", "Comment": "{broken"},
    ],
)
def test_text_that_only_looks_like_a_generators_is_no_crash(texts):
    pieces = inspect(files.png(**texts))
    assert all(piece.details.get("generator") in (None, "NovelAI") for piece in pieces)


# --- Camera


def test_a_camera_declares_and_never_decides():
    data = files.saved("JPEG", exif=files.exif(make="Canon", model="Canon EOS R5", place=True))
    piece = one(data, "camera")
    assert (piece.strength, piece.direction) == ("declares", "camera") and decide(inspect(data)) is None
    assert piece.details == {
        "camera": "Canon EOS R5",
        "sensitivity": "200",
        "exposure": "1/250 s",
        "aperture": "f/2.8",
        "gps": True,
    }
    assert "48" not in json.dumps(piece.as_dict())  # that a place is recorded, never which


def test_editing_programs_are_a_hint_of_editing():
    data = files.saved("JPEG", exif=files.exif(make="Canon", model="EOS", software="Adobe Photoshop 25.3"))
    assert one(data, "software").direction == "edited"
    event = '<rdf:li stEvt:action="saved" stEvt:softwareAgent="GIMP 2.10"/>'
    history = f"<xmpMM:History><rdf:Seq>{event}</rdf:Seq></xmpMM:History>"
    assert one(files.saved("JPEG", xmp=files.xmp(history)), "software").details["software"] == ["GIMP 2.10"]


@pytest.mark.parametrize(("same", "hinted"), [(True, False), (False, True)])
def test_an_embedded_thumbnail_of_another_picture_is_a_hint_of_editing(same, hinted):
    picture = photo(640, 480, seed=1)
    other = (picture if same else photo(640, 480, seed=2)).resize((160, 120))
    small = encoded(other, "JPEG")
    # A TIFF header, an empty IFD0, and IFD1 with the thumbnail behind it.
    block = b"Exif\0\0MM\0*\0\0\0\x08" + b"\0\0" + (14).to_bytes(4, "big")
    block += b"\0\x02" + bytes.fromhex("0201000400000001") + (44).to_bytes(4, "big")
    block += bytes.fromhex("0202000400000001") + len(small).to_bytes(4, "big") + b"\0" * 4
    block += small
    pieces = [piece for piece in inspect(encoded(picture, "JPEG", exif=block)) if "thumbnail_match" in piece.details]
    assert bool(pieces) == hinted


# --- JPEG history


def test_quality_and_kind_of_a_jpeg_are_told():
    details = one(encoded(photo(300, 300), "JPEG", quality=83, progressive=True, subsampling=0), "jpeg").details
    assert (details["quality"], details["progressive"], details["sampling"]) == (83, True, "4:4:4")
    assert len(details["luminance_table"]) == 64


def natural(side=512):
    """A picture whose spectrum falls as those of photographs do."""
    rng = np.random.default_rng(3)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]) + 1 / side
    spectrum = np.fft.rfft2(rng.normal(size=(side, side))) / frequency
    values = np.fft.irfft2(spectrum)
    return Image.fromarray(np.clip(128 + 45 * values / values.std(), 0, 255).astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize("quality", [75, 85, 92])
def test_a_picture_that_was_compressed_twice_is_noticed_and_one_compressed_once_is_not(quality):
    once = encoded(natural(), "JPEG", quality=quality)
    before = Image.open(io.BytesIO(encoded(natural(), "JPEG", quality=quality - 20)))
    twice = encoded(before.convert("RGB"), "JPEG", quality=quality)
    assert one(once, "jpeg").direction == "none" and one(twice, "jpeg").direction == "edited"
    assert one(once, "jpeg").details["double_compression"] < jpeg.PERIODIC / 1.5


# --- Rules


def test_every_rule_fires_and_nothing_else_decides():
    for kind in ("c2pa", "iptc", "generator", "camera", "software", "jpeg"):
        for strength in ("proves", "declares", "hints"):
            for direction in ("AI", "camera", "edited", "none"):
                piece = Evidence(kind, strength, direction, "")
                wanted = next((rule[3] for rule in RULES if rule[:3] == (kind, strength, direction)), None)
                assert decide([piece]) == wanted
                assert deciding([piece]) == (piece if wanted else None)


def test_contradicting_proofs_decide_nothing():
    pieces = [Evidence("c2pa", "proves", "camera", ""), Evidence("generator", "declares", "AI", "")]
    assert decide(pieces) is None and decide(pieces[:1]) == "REAL" and decide(pieces[1:]) == "FAKE"


def test_text_from_files_is_bounded_and_printable():
    assert clean("a\x00b\u202ec\ud800") == "a b c?"
    assert len(clean("x" * 10_000)) == 2000 and clean("x" * 10_000).endswith("…")


def test_a_place_without_a_camera_is_told_by_its_detail_alone():
    piece = one(files.saved("JPEG", exif=files.exif(place=True)), "camera")
    assert piece.details == {"gps": True} and "place" not in piece.summary


def test_a_broken_chunk_hides_no_hidden_text():
    data = files.with_chunk(files.stealth(files.SETTINGS), b"zTXt", b"x\0\0broken")
    pieces = [piece for piece in inspect(data) if piece.kind == "generator"]
    assert sorted(piece.direction for piece in pieces) == ["AI", "none"] and decide(inspect(data)) == "FAKE"


@pytest.mark.parametrize("key", ["Title", "Author", "Comment", "Description"])
def test_a_generators_name_in_a_title_or_an_author_is_no_declaration(key):
    assert decide(inspect(files.png(**{key: "Midjourney and Stable Diffusion, a lecture"}))) is None
