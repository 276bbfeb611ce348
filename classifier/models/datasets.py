"""Frozen dataset versions."""

from django.conf import settings
from django.db import models


class DatasetVersion(models.Model):
    """Labelled images with consent as they were at one moment: numbered, hashed, never changed. The rows are the
    manifest's, a stored CSV; summary holds counts and the audit's warnings."""

    number = models.PositiveIntegerField(unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    summary = models.JSONField(default=dict, editable=False)

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"dataset {self.number}"

    @property
    def manifest(self) -> str:
        """The name of the stored CSV; `learning.versions` reads it."""
        return f"datasets/{self.number}.csv"
