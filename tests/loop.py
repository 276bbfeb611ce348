"""What a whole turn of the loop needs: labelled pictures, a frozen version, detectors that differ."""

import io
import json
import shutil

from django.core.files.base import ContentFile

from classifier.detector.images.decoding import read_rgb, verify
from classifier.detector.images.nearness import dhash
from classifier.intake import submitting
from classifier.labelling import ground_truth
from classifier.learning import versions
from classifier.models import GroundTruth, Image, State
from classifier.registry import detectors
from tests.pictures import jpeg


def label_pictures(owner, staff, start, count):
    """Pictures with consent as if they were analysed already, labelled: even ones REAL, odd ones FAKE."""
    for number in range(start, start + count):
        data = jpeg(number, 72, 64)
        checked = submitting.CheckedFile(ContentFile(data), f"{number}.jpg", verify(io.BytesIO(data)))
        told = {"state": State.DONE, "dhash": dhash(read_rgb(data)), "outcome": "INCONCLUSIVE", "decided_by": "network"}
        submitting.submit(owner, checked, consent=True, **told)
    for label, rest in ((GroundTruth.REAL, 0), (GroundTruth.FAKE, 1)):
        names = [f"{n}.jpg" for n in range(start, start + count) if n % 2 == rest]
        ground_truth.label_images(Image.objects.filter(name__in=names), staff, label, "sure")


def frozen(owner, staff, count=40):
    label_pictures(owner, staff, 0, count)
    return versions.freeze(staff)


def another(detector, version, **card):
    """A registered copy of a detector under another name, with other entries in its card."""
    folder = detector._meta.model(version=version).folder
    shutil.copytree(detector.folder, folder)
    told = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**told, **card, "version": version}))
    return detectors.register(folder)
