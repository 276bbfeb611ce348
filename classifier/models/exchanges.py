"""What people say about an image and to whom it is shown: labels, disputes, tags, shares."""

import secrets
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from classifier.models.choices import Category, Claim, DisputeState, GroundTruth, LabelKind
from classifier.models.images import Image


class Label(models.Model):
    """What was said about the ground truth: who, when, from what to what, why. Rows are only ever added, and only by
    `labelling.ground_truth`. The reason is for people to read; the code goes by the kind."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="labels")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="labels_given")
    kind = models.CharField(max_length=10, choices=LabelKind, default=LabelKind.OPINION)
    old = models.CharField(max_length=10, choices=GroundTruth, blank=True)
    new = models.CharField(max_length=10, choices=GroundTruth, blank=True, help_text="empty: a label was taken back")
    reason = models.CharField(max_length=300)
    category = models.CharField(max_length=10, choices=Category, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.old or 'no label'} → {self.new or 'no label'}"


class Dispute(models.Model):
    """An owner's objection to a verdict, and what became of it. At most one of an image is open."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="disputes")
    claim = models.CharField("what it is", max_length=10, choices=Claim)
    how = models.TextField("how they know", max_length=1000)
    category = models.CharField(max_length=10, choices=Category)
    state = models.CharField(max_length=10, choices=DisputeState, default=DisputeState.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["image"], condition=Q(state=DisputeState.OPEN), name="one_open_dispute_per_image"
            )
        ]
        indexes = [models.Index(fields=["state", "id"], name="dispute_queue")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_claim_display()} ({self.get_state_display()})"


class Tag(models.Model):
    """A word of one person's for their own images. key: the word without its capitals, casefolded by Python, because
    databases differ in that."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tags")
    name = models.CharField(max_length=40)
    key = models.CharField(max_length=120, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="one_tag_per_owner_and_word")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def new_token() -> str:
    return secrets.token_urlsafe(24)


class LinkQuerySet(models.QuerySet[Any]):
    def open(self) -> Self:
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())


class Link(models.Model):
    """A secret address that ends."""

    token = models.CharField(max_length=40, unique=True, default=new_token, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = LinkQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-id"]


class Share(Link):
    """A link that shows the report of one image to whoever has it, until it expires or is revoked."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="shares")

    def __str__(self) -> str:
        return f"share of {self.image_id}, until {self.expires_at:%Y-%m-%d}"

    def get_absolute_url(self) -> str:
        return reverse("shared", args=[self.token])
