"""A registered bundle."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Q


class DetectorQuerySet(models.QuerySet["Detector"]):
    def active(self) -> "Detector | None":
        return self.filter(active=True).first()


class Detector(models.Model):
    """A registered bundle. Its files are found by version: shipped with the code, or below MEDIA_ROOT. In an object
    store `bundle` is a zip of them, and workers ask `registry.bundles` for their copy."""

    version = models.CharField(max_length=100, unique=True)
    architecture = models.CharField(max_length=50)
    sha256 = models.CharField(max_length=64)
    shipped = models.BooleanField(default=False, editable=False)
    active = models.BooleanField(default=False, editable=False)
    card = models.JSONField(default=dict, editable=False)
    bundle = models.FileField(
        max_length=200, blank=True, editable=False, help_text="in an object store: its files, named by their SHA-256"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    promoted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = DetectorQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["active"], condition=Q(active=True), name="one_active_detector")]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.version

    @property
    def folder(self) -> Path:
        root = settings.SHIPPED_DETECTORS if self.shipped else settings.MEDIA_ROOT / "detectors"
        return Path(root) / self.version
