"""What is known about an image: what detectors said, and what the file itself says."""

from django.db import models
from django.utils import timezone

from classifier.detector.stats.measured import Bin
from classifier.models.choices import Outcome, Reason
from classifier.models.detectors import Detector
from classifier.models.images import Image


class Verdict(models.Model):
    """What one detector said about one image. Running a detector twice updates its verdict."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="verdicts")
    detector = models.ForeignKey(Detector, models.PROTECT, related_name="verdicts")
    score = models.FloatField(help_text="P(REAL) between 0 and 1")
    outcome = models.CharField(max_length=12, choices=Outcome)
    reason = models.CharField(max_length=12, choices=Reason, blank=True)
    stability = models.JSONField(default=dict, help_text="score by mild change of the picture")
    milliseconds = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "detector"], name="one_verdict_per_detector")]
        indexes = [models.Index(fields=["created_at"], name="verdict_created")]

    def __str__(self) -> str:
        return f"{self.outcome} ({self.score:.2f}) by {self.detector_id}"

    @property
    def experience(self) -> Bin | None:
        """What this score has meant for held-out images, None where it is not known."""
        table: list[Bin] = self.detector.card.get("reliability", [])
        return next((row for row in reversed(table) if self.score >= row["low"]), None)


class Evidence(models.Model):
    """One thing that the file itself says; see `provenance.evidence`. Rows are replaced when the file is read again."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=10)
    strength = models.CharField(max_length=10)
    direction = models.CharField(max_length=10)
    summary = models.CharField(max_length=600)
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["image", "kind"], name="evidence_kind")]
        ordering = ["pk"]
        verbose_name_plural = "evidence"

    def __str__(self) -> str:
        return self.summary
