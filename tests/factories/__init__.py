"""Rows for tests of pages: what a worker would have stored, without any network."""

import io
import uuid

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image as Picture

from classifier.detector.images.decoding import read_rgb, verify
from classifier.detector.images.nearness import dhash
from classifier.intake import neighbours, submitting
from classifier.models import Detector, Evidence, Image, State, Verdict
from classifier.provenance import rules
from classifier.provenance.inspection import inspect

FIGURES = {"accuracy": 0.75, "precision": 0.8, "recall": 0.7, "balanced_accuracy": 0.74, "auroc": 0.82}
REPORT = {
    "n": 200,
    "overall": FIGURES,
    "intervals": {name: [value - 0.05, value + 0.05] for name, value in FIGURES.items()},
    "decided": {"share": 0.6, "accuracy": 0.88, "real_called_fake": 0.05, "fake_called_real": 0.1},
}
RELIABILITY = [
    {"low": low / 10, "high": low / 10 + 0.1, "n": 20, "fake": 1 - low / 10, "interval": [0.0, 1.0]}
    for low in range(10)
]


def active_detector(**card):
    """The active detector; where there is none, a row without files. card: further entries of a new row's card."""
    if active := Detector.objects.active():
        return active
    told = {"training": {}, "report": REPORT, "parameters": 17_793, "fake_below": 0.3, "real_above": 0.7}
    return Detector.objects.create(
        version="fusion-of-the-factory",
        architecture="fusion",
        sha256="f" * 64,
        active=True,
        card={**told, "reliability": RELIABILITY, **card},
    )


def submitted(owner, name, data, consent=False):
    """A waiting image with its file, as the upload form makes it."""
    file = SimpleUploadedFile(name, data)
    checked = submitting.CheckedFile(file, name, verify(io.BytesIO(data)))
    return submitting.submit(owner, checked, consent).image


def judged(image, outcome="FAKE", score=0.08, **said):
    """Conclude a waiting image: verdict, the evidence that really is in its file, copies, heat map."""
    with image.original.open("rb") as file:
        data = file.read()
    rgb, evidence = read_rgb(data), inspect(data)
    told = {"score": score, "outcome": outcome, "milliseconds": 42, "stability": {"JPEG 85": score}, **said}
    image.verdict = Verdict.objects.create(image=image, detector=active_detector(), **told)
    Evidence.objects.bulk_create(Evidence(image=image, **piece.as_dict()) for piece in evidence)
    small = [(image.screen, (960, 960), "RGB", "JPEG")] if max(rgb.size) > 960 else []
    for field, size, mode, format in (
        (image.thumbnail, (320, 320), "RGB", "JPEG"),
        (image.display, (1600, 1600), "RGB", "JPEG"),
        (image.heat, (112, 112), "RGBA", "PNG"),
        *small,
    ):
        field.save(f"derived/{uuid.uuid4()}.{format.lower()}", ContentFile(_copy(rgb, size, mode, format)), save=False)
    deciding = rules.deciding(evidence)
    image.state, image.score, image.dhash = State.DONE, score, dhash(rgb)
    image.outcome = rules.decide(evidence) or outcome
    image.decided_by = deciding.kind if deciding else "network"
    image.save()
    neighbours.remember([image])
    return Image.objects.get(pk=image.pk)


def _copy(rgb, size, mode, format):
    buffer = io.BytesIO()
    copy = rgb.convert(mode)
    copy.thumbnail(size)
    if mode == "RGBA":
        copy.putalpha(Picture.new("L", copy.size, 90))
    copy.save(buffer, format)
    return buffer.getvalue()
