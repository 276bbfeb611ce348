"""Pictures that somebody sends in together, under a name, and links to what became of them."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.urls import reverse

from classifier.models.choices import JobState
from classifier.models.exchanges import Link
from classifier.models.images import Image, ImageQuerySet
from classifier.models.jobs import Job
from classifier.models.removals import remove_files

LONGEST_NAME = 120


def archive_path(batch: "Batch", filename: str) -> str:
    return f"batches/{batch.uuid}.zip"


class Batch(Job):
    """Chosen files, a folder, or a zip. As a job it is the unpacking of its zip; without one it is done from the start.

    expected: how many files there are, as far as the browser or the zip tells. cursor: how many of the zip's files were
    dealt with; it moves in the same transaction as the rows. paused: nothing of it is unpacked or analysed.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, editable=False, related_name="batches")
    name = models.CharField(max_length=LONGEST_NAME)
    consent = models.BooleanField(default=False)
    archive = models.FileField("zip", upload_to=archive_path, max_length=200, blank=True)
    expected = models.PositiveIntegerField(default=0, editable=False)
    cursor = models.PositiveIntegerField(default=0, editable=False)
    paused = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["owner", "-id"], name="batch_list")]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("batch", args=[self.uuid])

    @property
    def is_cancelled(self) -> bool:
        return self.state == JobState.CANCELLED

    @property
    def refusals(self) -> "models.QuerySet[BatchItem]":
        return self.items.exclude(error="").order_by("id")

    @property
    def own_images(self) -> ImageQuerySet:
        """The images that came with it; not those that were there before."""
        return Image.objects.filter(batch_items__batch=self, batch_items__duplicate=False)


class BatchItem(models.Model):
    """One file of a batch: its image, or why there is none. duplicate: the image was there before. An item without
    image and error is one whose image was deleted since."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="items", db_index=False)
    name = models.CharField(max_length=300, help_text="the path inside the folder or zip")
    image = models.ForeignKey(Image, models.SET_NULL, null=True, related_name="batch_items")
    duplicate = models.BooleanField(default=False)
    error = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(error="") | Q(image=None), name="batch_item_has_image_or_error")
        ]
        indexes = [models.Index(fields=["batch", "id"], name="batch_items")]
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class BatchShare(Link):
    """A link that shows the results of one batch to whoever has it, until it expires or is revoked."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="shares")

    def __str__(self) -> str:
        return f"share of batch {self.batch_id}, until {self.expires_at:%Y-%m-%d}"

    def get_absolute_url(self) -> str:
        return reverse("shared_batch", args=[self.token])


@receiver(post_delete, sender=Batch)
def _delete_archive(sender: type[Batch], instance: Batch, **kwargs: Any) -> None:
    if instance.archive:
        stored = [(instance.archive.storage, instance.archive.name)]
        transaction.on_commit(lambda: remove_files(stored), robust=True)
