"""Files that staff import, already labelled; and which images resemble which."""

import uuid

from django.conf import settings
from django.db import models

from classifier.models.claims import Work, WorkQuerySet
from classifier.models.images import Image
from classifier.models.jobs import Job


def import_path(batch: "ImportBatch", filename: str) -> str:
    return f"imports/{batch.created_at:%Y%m%d-%H%M%S-%f}.zip"


class ImportBatch(Job):
    """A zip with REAL/ and FAKE/, or a folder on the server (commands only). cursor: how many of its files were dealt
    with; it moves in the same transaction as the rows."""

    archive = models.FileField("zip", upload_to=import_path, max_length=200, blank=True)
    folder = models.CharField(max_length=1000, blank=True, editable=False)
    source = models.CharField(
        max_length=100, blank=True, help_text="one camera, website or generator; empty: the folder below REAL or FAKE"
    )
    license = models.CharField(max_length=200, help_text="what allows us to use them")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, editable=False, related_name="imports")
    cursor = models.PositiveIntegerField(default=0, editable=False)
    added = models.PositiveIntegerField(default=0, editable=False)
    duplicates = models.PositiveIntegerField(default=0, editable=False)
    complaints = models.JSONField(default=list, editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name = "import"

    def __str__(self) -> str:
        return f"import {self.pk}"


class Signature(models.Model):
    """An image's colours (`nearness.colours`), to find what it may be a crop of; made when it was compared."""

    image = models.OneToOneField(Image, models.CASCADE)
    colours = models.BinaryField()

    def __str__(self) -> str:
        return f"colours of {self.image_id}"


class ComparisonQuerySet(WorkQuerySet["Comparison"]):
    def claim_next(self) -> "Comparison | None":
        """Take the oldest, those that were tried before last; None when nothing waits."""
        self.release_stale()
        candidates = self.free().order_by("attempts", "pk").values_list("pk", flat=True)[:8]
        return self.take(list(candidates), uuid.uuid4()).select_related("image").first()


class Comparison(Work):
    """An image that is to be compared with all others; gone once it was. It is never given up by the claim alone: the
    image counts as compared, with nothing found, when its workers died too often."""

    image = models.OneToOneField(Image, models.CASCADE)

    WAITING = {"claim": None}
    RUNNING = {}
    objects = ComparisonQuerySet.as_manager()

    def __str__(self) -> str:
        return f"comparison of {self.image_id}"


class Kinship(models.Model):
    """Two images one of which is a part of the other, found by looking."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="kin")
    other = models.ForeignKey(Image, models.CASCADE, related_name="kin_of")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "other"], name="one_kinship_each")]

    def __str__(self) -> str:
        return f"{self.image_id} ~ {self.other_id}"


class HashKey(models.Model):
    """Five keys of an image's difference hash: near-duplicates share at least one (`nearness.band_keys`)."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="hash_keys")
    key = models.PositiveIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"{self.image_id}: {self.key}"
