"""The rows. They are the truth: the broker carries wake-ups only."""

from classifier.models.choices import (
    Category,
    Claim,
    DecidedBy,
    DisputeState,
    GroundTruth,
    Outcome,
    Reason,
    State,
)
from classifier.models.datasets import DatasetVersion
from classifier.models.detectors import Detector, DetectorQuerySet
from classifier.models.exchanges import Dispute, Label, Share
from classifier.models.findings import Evidence, Verdict
from classifier.models.images import Image, ImageQuerySet, Viewer, original_path, remove_files

__all__ = [
    "Category",
    "Claim",
    "DatasetVersion",
    "DecidedBy",
    "Detector",
    "DetectorQuerySet",
    "Dispute",
    "DisputeState",
    "Evidence",
    "GroundTruth",
    "Image",
    "ImageQuerySet",
    "Label",
    "Outcome",
    "Reason",
    "Share",
    "State",
    "Verdict",
    "Viewer",
    "original_path",
    "remove_files",
]
