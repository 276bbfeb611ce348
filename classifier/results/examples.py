"""The landing page's examples: pictures that the project may show, with the verdicts they really got.

`manage.py judge_examples` writes those down; what the files say is read from them here, like everybody's."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from PIL import Image as Picture

from classifier.models import Detector, Evidence, Image, State, Verdict
from classifier.provenance.inspection import inspect

VERDICTS = "verdicts.json"
PICTURES = {
    "cat": (
        "A cat, photographed",
        "Photograph of the cat Chelsea by Stefan van der Walt, CC0 (public domain), from the sample data of "
        "scikit-image.",
    ),
    "painted": (
        "The cat, painted by a neural network",
        "Made by the project: a small neural network was trained on the photograph and painted what it had learnt. "
        "CC0.",
    ),
    "coffee": (
        "A cup of coffee",
        "Photograph by Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0 (public domain), from the sample data of "
        "scikit-image.",
    ),
}


@dataclass(frozen=True)
class Example:
    """title: what it is; source: who made it and why we may show it. The image is in no database."""

    name: str
    title: str
    source: str
    image: Image

    @property
    def file(self) -> str:
        return f"examples/{self.name}.jpg"


@lru_cache(maxsize=1)
def all_of_them() -> tuple[Example, ...]:
    said = json.loads((settings.EXAMPLES / VERDICTS).read_text(encoding="utf-8"))
    return tuple(
        Example(name, title, source, _image(settings.EXAMPLES / f"{name}.jpg", said[name]))
        for name, (title, source) in PICTURES.items()
    )


def named(name: str) -> Example | None:
    return next((example for example in all_of_them() if example.name == name), None)


def _image(path: Path, said: dict[str, Any]) -> Image:
    """A row that is never saved, as the pages of verdicts want one."""
    data = path.read_bytes()
    with Picture.open(path) as picture:
        (width, height), format = picture.size, picture.format or ""
    judged = said["judgement"]
    verdict = Verdict(detector=_detector(said["detector"]), milliseconds=0, **judged)
    image = Image(
        pk=0, name=path.name, format=format, size=len(data), width=width, height=height, state=State.DONE,
        verdict=verdict, score=judged["score"], outcome=said["outcome"], decided_by=said["decided_by"],
    )  # fmt: skip
    pieces = [Evidence(**piece.as_dict()) for piece in inspect(data, settings.TRUST_LIST)]
    image._prefetched_objects_cache = {"evidence": pieces}  # type: ignore[attr-defined]
    return image


def _detector(version: str) -> Detector:
    card = json.loads((settings.SHIPPED_DETECTORS / version / "bundle.json").read_text(encoding="utf-8"))
    return Detector(version=version, architecture=card["architecture"], shipped=True, card=card)
