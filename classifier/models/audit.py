"""What staff did and looked at. Rows are only ever added, and deleted when AUDIT_DAYS have passed."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from classifier.models.choices import Act


class AuditEntry(models.Model):
    """One thing that somebody did or looked at. who: their name at that time, which stays when the account is gone.
    kind and number: of the row it was about. Of an image no more than its number is kept here, nothing of what its
    owner can delete: no name, no hash, no verdict."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="audit_entries", db_index=False
    )
    who = models.CharField(max_length=150)
    act = models.CharField(max_length=12, choices=Act)
    kind = models.CharField("what", max_length=40, blank=True)
    number = models.BigIntegerField(null=True)
    count = models.PositiveIntegerField("how many", default=0)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["by", "-id"], name="audit_by")]
        verbose_name_plural = "audit log"
        verbose_name = "audit entry"

    def __str__(self) -> str:
        return f"{self.who}: {self.act} {self.kind} {self.number or ''}".strip()


class AuditedImage(models.Model):
    """An image that an entry is about. No foreign key: the entry outlives the image. owner: whose it was, as long as
    they have an account."""

    entry = models.ForeignKey(AuditEntry, models.CASCADE, related_name="images")
    number = models.BigIntegerField()
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["number", "-entry"], name="audit_image")]

    def __str__(self) -> str:
        return f"image {self.number}"
