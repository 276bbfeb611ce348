"""The rows. They are the truth: the broker carries wake-ups only."""

from classifier.models.batches import Batch, BatchItem, BatchShare
from classifier.models.choices import (
    Architecture,
    Category,
    Claim,
    DecidedBy,
    DisputeState,
    GroundTruth,
    JobState,
    LabelKind,
    Outcome,
    Reason,
    Start,
    State,
)
from classifier.models.datasets import DatasetVersion
from classifier.models.detectors import Detector, DetectorQuerySet
from classifier.models.exchanges import Dispute, Label, Share
from classifier.models.findings import Evidence, Verdict
from classifier.models.images import Image, ImageQuerySet, Viewer, original_path, remove_files
from classifier.models.imports import HashKey, ImportBatch, Kinship, Signature
from classifier.models.jobs import Job
from classifier.models.training import Measurement, Promotion, RegressionCase, Rescoring, TrainingRun

__all__ = [
    "Architecture",
    "Batch",
    "BatchItem",
    "BatchShare",
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
    "HashKey",
    "Image",
    "ImageQuerySet",
    "ImportBatch",
    "Job",
    "JobState",
    "Kinship",
    "Label",
    "LabelKind",
    "Measurement",
    "Outcome",
    "Promotion",
    "Reason",
    "RegressionCase",
    "Rescoring",
    "Share",
    "Signature",
    "Start",
    "State",
    "TrainingRun",
    "Verdict",
    "Viewer",
    "original_path",
    "remove_files",
]
