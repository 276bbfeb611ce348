"""The rows. They are the truth: the broker carries wake-ups only."""

from classifier.models.allowances import Allowance, Received
from classifier.models.audit import AuditedImage, AuditEntry
from classifier.models.batches import Batch, BatchItem, BatchShare
from classifier.models.choices import (
    Act,
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
from classifier.models.exchanges import Dispute, Label, Share, Tag
from classifier.models.findings import Evidence, Verdict
from classifier.models.images import Image, ImageQuerySet, Viewer, may_see_images, original_path
from classifier.models.imports import Comparison, HashKey, ImportBatch, Kinship, Signature
from classifier.models.inspections import Inspection
from classifier.models.invitations import Invitation
from classifier.models.jobs import Job, Progress
from classifier.models.removals import Removal, remove_files, remove_overdue
from classifier.models.tokens import KeyedCall, Scope, Token
from classifier.models.training import Measurement, Promotion, RegressionCase, Rescoring, TrainingRun
from classifier.models.webhooks import Delivery, Event, Webhook

__all__ = [
    "Act",
    "Allowance",
    "Architecture",
    "AuditEntry",
    "AuditedImage",
    "Batch",
    "BatchItem",
    "BatchShare",
    "Category",
    "Claim",
    "Comparison",
    "DatasetVersion",
    "DecidedBy",
    "Delivery",
    "Detector",
    "DetectorQuerySet",
    "Dispute",
    "DisputeState",
    "Event",
    "Evidence",
    "GroundTruth",
    "HashKey",
    "Image",
    "ImageQuerySet",
    "ImportBatch",
    "Inspection",
    "Invitation",
    "Job",
    "JobState",
    "KeyedCall",
    "Kinship",
    "Label",
    "LabelKind",
    "Measurement",
    "Outcome",
    "Progress",
    "Promotion",
    "Reason",
    "Received",
    "RegressionCase",
    "Removal",
    "Rescoring",
    "Scope",
    "Share",
    "Signature",
    "Start",
    "State",
    "Tag",
    "Token",
    "TrainingRun",
    "Verdict",
    "Viewer",
    "Webhook",
    "may_see_images",
    "original_path",
    "remove_files",
    "remove_overdue",
]
