"""What one person may bring in: what staff allow them beyond the settings, and what came lately."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class Allowance(models.Model):
    """Other limits than the site's for one person. Empty: the site's; 0: none at all."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, verbose_name="person", related_name="allowance"
    )
    uploads_per_hour = models.PositiveIntegerField(
        null=True, blank=True, help_text="Empty: as for everybody (UPLOADS_PER_HOUR). 0: without a limit."
    )
    storage_mb = models.PositiveIntegerField(
        "stored megabytes", null=True, blank=True, help_text="Empty: as for everybody (STORAGE_MB). 0: without a limit."
    )
    note = models.CharField(max_length=300, blank=True, help_text="Why; only staff see it.")

    def __str__(self) -> str:
        return str(self.owner)


class Received(models.Model):
    """An upload that was accepted. It counts for an hour, whatever becomes of the image."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "created_at"], name="received_lately")]

    def __str__(self) -> str:
        return f"{self.owner_id} at {self.created_at:%H:%M}"
