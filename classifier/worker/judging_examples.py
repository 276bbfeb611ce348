"""WORKER ONLY: what the landing page's examples are judged to be."""

import dataclasses
import json
from pathlib import Path

from django.conf import settings

from classifier.models import Detector
from classifier.results import examples
from classifier.worker.examine import examine
from classifier.worker.loop import load


def judge_examples(detector: Detector, folder: Path | None = None) -> list[str]:
    """Judge every example once more and write down what came out. Returns a line each."""
    folder, loaded, said = folder or settings.EXAMPLES, load(detector), {}
    for name in examples.PICTURES:
        known = examine((folder / f"{name}.jpg").read_bytes(), loaded)
        said[name] = {
            "detector": detector.version,
            "outcome": known.outcome,
            "decided_by": str(known.decided_by),
            "judgement": dataclasses.asdict(known.judgement),
        }
    (folder / examples.VERDICTS).write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")
    return [f"{name}: {one['outcome']}" for name, one in said.items()]
