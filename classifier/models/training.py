"""Training runs, what detectors scored on frozen test images, promotions and what follows from them."""

import uuid
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from classifier.detector.labels import CLASS_NAMES
from classifier.models.choices import Architecture, Start
from classifier.models.claims import Work, WorkQuerySet
from classifier.models.datasets import DatasetVersion
from classifier.models.detectors import Detector
from classifier.models.images import Image
from classifier.models.jobs import Job


class TrainingRun(Job):
    """A candidate to be trained on a dataset version. The row carries the progress; checkpoints lie with the bundle."""

    name = models.CharField(
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", "Letters, digits, dots and dashes, please.")],
        help_text="the version that the detector will have",
    )
    dataset = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="runs")
    architecture = models.CharField(max_length=20, choices=Architecture, default=Architecture.VIT)
    start = models.CharField(max_length=10, choices=Start, default=Start.SCRATCH)
    started_from = models.CharField(max_length=100, blank=True, editable=False, help_text="a detector's version")
    epochs = models.PositiveIntegerField(default=40, validators=[MinValueValidator(1), MaxValueValidator(1000)])
    minutes = models.FloatField(
        "time budget in minutes", default=60, validators=[MinValueValidator(0.1), MaxValueValidator(10000)]
    )
    seed = models.PositiveIntegerField(default=0)
    history = models.JSONField(default=list, editable=False)
    detector = models.OneToOneField(Detector, models.SET_NULL, null=True, editable=False, related_name="run")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class Measurement(Job):
    """What a detector scores on the test images of a dataset version, and on the regression cases of that time.

    scores: P(REAL) by SHA-256 of the file. cases: {number of the case: {"outcome", "score"}}.
    """

    detector = models.ForeignKey(Detector, models.CASCADE, related_name="measurements")
    dataset = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="measurements")
    scores = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    cases = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["detector", "dataset"], name="one_measurement_each")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.detector} on {self.dataset}"


class RegressionCaseQuerySet(models.QuerySet["RegressionCase"]):
    def usable(self) -> "RegressionCaseQuerySet":
        """Those with a ground truth whose image may be looked at still."""
        images = Image.objects.trainable().filter(label__in=CLASS_NAMES)
        return self.filter(image__in=images).select_related("image")


class RegressionCase(models.Model):
    """A labelled image that every detector to come must get right, under a name that says why."""

    image = models.OneToOneField(Image, models.CASCADE, related_name="regression_case")
    name = models.CharField(max_length=100, help_text="for example: press photo at night, accused in May")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RegressionCaseQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Promotion(models.Model):
    """The log of which detector became active, when, by whom and why. Rows are only ever added."""

    detector = models.ForeignKey(Detector, models.PROTECT, related_name="promotions")
    before = models.ForeignKey(Detector, models.PROTECT, null=True, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=300, blank=True)
    overridden = models.JSONField(default=list, help_text="objections of the gate that the reason answers")
    rollback = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.before} → {self.detector}"


class RescoringQuerySet(WorkQuerySet["Rescoring"]):
    def open(self) -> Self:
        return self.filter(finished_at=None)

    def claim_next(self) -> "Rescoring | None":
        """Take the newest, unless another worker has it and lives; older ones are superseded."""
        newest = self.open().order_by("-pk").first()
        if newest is None:
            return None
        self.open().filter(pk__lt=newest.pk).update(finished_at=timezone.now())
        self.release_stale()
        return self.take([newest.pk], uuid.uuid4()).first()


class Rescoring(Work):
    """History re-scored by a detector, newest images first. cursor: the last image that was dealt with; it moves in
    the same transaction as the verdicts, so a killed worker repeats at most what it had not written. attempts: claims
    since it last moved; it is never given up, but the picture that kills its workers is left out."""

    detector = models.ForeignKey(Detector, models.CASCADE, related_name="rescorings")
    cursor = models.BigIntegerField(null=True)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    WAITING = {"finished_at": None, "claim": None}
    RUNNING = {"finished_at": None}
    objects = RescoringQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.done} of {self.total} by {self.detector}"
