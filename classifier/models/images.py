"""An uploaded file and the work to be done on it."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models, transaction
from django.db.models import Q
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.urls import reverse
from django.utils import timezone

from classifier.models.choices import DecidedBy, GroundTruth, Outcome, State
from classifier.models.claims import Values, Work
from classifier.models.removals import remove_files
from classifier.models.turns import HUGE, InTurns

Viewer = AbstractBaseUser | AnonymousUser
INTERRUPTED = "The analysis was interrupted several times. Try again, or save a copy of the picture and upload that."


def may_see_images(viewer: Any) -> bool:
    """Whether this is staff with the permission to look at other people's images; being staff alone opens none."""
    if not getattr(viewer, "is_staff", False):
        return False
    return any(viewer.has_perm(f"classifier.{act}_image") for act in ("view", "change"))


class ImageQuerySet(InTurns):
    def visible_to(self, viewer: Viewer) -> "ImageQuerySet":
        if not viewer.is_authenticated:
            return self.none()
        return self.of_members() if may_see_images(viewer) else self.filter(owner=viewer.pk)

    def of_members(self) -> "ImageQuerySet":
        """Without those of people who have no account: staff never see them, and no dataset does."""
        return self.filter(guest="")

    def of_guest(self, guest: str) -> "ImageQuerySet":
        """What one session without an account sent in."""
        return self.filter(guest=guest) if guest else self.none()

    def reviewable(self) -> "ImageQuerySet":
        """Images that staff may look at and say what they are."""
        members, agreed = self.of_members(), Q(consent=True) | Q(review_consent=True)
        return members if settings.REVIEW_SCOPE == "all" else members.filter(agreed)

    def trainable(self) -> "ImageQuerySet":
        """Images that may enter a dataset or a comparison of detectors."""
        members = self.of_members()
        return members if settings.REVIEW_SCOPE == "all" else members.filter(consent=True)

    def judged_by_another(self, detector: Any) -> "ImageQuerySet":
        """Images with a verdict that is not this detector's."""
        return self.filter(state=State.DONE).exclude(verdict__detector=detector)

    def pending(self) -> "ImageQuerySet":
        return self.filter(state__in=[State.WAITING, State.ANALYSING])


def original_path(image: "Image", filename: str) -> str:
    return f"uploads/{image.owner_id}/{image.uuid}"


class Image(Work):
    """An uploaded file, the work to be done on it, and what is known about it now."""

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="images",
        db_index=False,  # image_history begins with it
    )
    guest = models.CharField(
        max_length=32, blank=True, editable=False, db_index=True, help_text="whose session it was, without an account"
    )
    name = models.CharField("file name", max_length=200)
    original = models.FileField(upload_to=original_path, max_length=200)
    thumbnail = models.FileField(max_length=200, blank=True)
    display = models.FileField(max_length=200, blank=True)
    screen = models.FileField(
        max_length=200, blank=True, help_text="a smaller display, for a phone; only where it saves something"
    )
    heat = models.FileField(max_length=200, blank=True, help_text="where the detector looked, a small translucent PNG")
    sha256 = models.CharField(max_length=64)
    dhash = models.CharField(
        max_length=16, blank=True, editable=False, help_text="64-bit difference hash of the picture"
    )
    format = models.CharField(max_length=10)
    size = models.PositiveBigIntegerField("bytes")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    consent = models.BooleanField(default=False, help_text="may be reviewed by staff and used to improve the detector")
    review_consent = models.BooleanField(
        "consent to a look",
        default=False,
        editable=False,
        help_text="staff may look at it, because its owner disputed the verdict; it trains nothing",
    )
    tags: "models.ManyToManyField[Any, Any]" = models.ManyToManyField(
        "Tag", related_name="images", blank=True, editable=False
    )
    created_at = models.DateTimeField(default=timezone.now)
    request_id = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text="of the upload or the last new try"
    )

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    error = models.CharField(max_length=300, blank=True)

    verdict = models.OneToOneField(
        "Verdict", models.SET_NULL, null=True, blank=True, related_name="current_of", editable=False
    )
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True, editable=False)
    decided_by = models.CharField(max_length=10, choices=DecidedBy, blank=True, editable=False)
    score = models.FloatField(null=True, editable=False, help_text="of the current verdict; kept here to sort by")
    previous = models.CharField("verdict before", max_length=12, choices=Outcome, blank=True, editable=False)
    changed_at = models.DateTimeField("verdict changed", null=True, editable=False)
    label = models.CharField("ground truth", max_length=10, choices=GroundTruth, blank=True, editable=False)

    contested = models.BooleanField(
        default=False, editable=False, help_text="staff disagree; a third opinion is asked for"
    )
    sampled = models.BooleanField(default=False, editable=False, help_text="drawn at random for the review queue")
    source = models.CharField(max_length=100, blank=True, editable=False, help_text="of imported images")
    license = models.CharField(max_length=200, blank=True, editable=False)
    compared = models.BooleanField(default=False, editable=False, help_text="with all others, for crops")
    drawable = models.BooleanField(default=True, editable=False, help_text="its heat map, if that is missing")
    background = models.BooleanField(default=False, editable=False, help_text="analysed when no upload waits")
    bulk = models.BooleanField(default=False, editable=False, help_text="of a batch; single uploads go first")

    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    reviewed_until = models.DateTimeField("claimed for review until", null=True, editable=False)

    WAITING = {"state": State.WAITING}
    RUNNING = {"state": State.ANALYSING}
    objects = ImageQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "guest", "sha256"], name="one_row_per_person_and_file")]
        indexes = [
            models.Index(fields=["owner", "-id"], name="image_history"),
            models.Index(fields=["owner", "outcome", "-id"], name="image_history_outcome"),
            models.Index(fields=["owner", "state", "-id"], name="image_history_state"),
            models.Index(fields=["owner", "score", "id"], name="image_history_score"),
            models.Index(fields=["owner", "changed_at"], name="image_history_changed"),
            models.Index(fields=["state", "background", "bulk", "attempts", "owner", "id"], name="image_lanes"),
            models.Index(fields=["owner", "claimed_at"], name="image_served"),
            models.Index(fields=["label", "outcome", "id"], name="image_curation"),
            models.Index(fields=["id"], condition=Q(compared=False), name="image_uncompared"),
            models.Index(
                fields=["-id"], condition=Q(state=State.DONE, heat="", drawable=True), name="image_without_heat"
            ),
            models.Index(fields=["id"], condition=Q(contested=True), name="image_contested"),
            models.Index(fields=["id"], condition=~Q(decided_by=DecidedBy.NETWORK), name="image_decided_by_file"),
            models.Index(fields=["score", "id"], condition=Q(label=""), name="image_unlabelled"),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("image", args=[self.uuid])

    @classmethod
    def given_up(cls) -> Values:
        return {"state": State.FAILED, "error": INTERRUPTED}

    @property
    def is_huge(self) -> bool:
        return self.width * self.height > HUGE

    @property
    def is_pending(self) -> bool:
        return self.state in (State.WAITING, State.ANALYSING)

    def conclude(self, outcome: str) -> None:
        """Set the verdict, and remember the one before when it is another one. Does not save."""
        if self.outcome and self.outcome != outcome:
            self.previous, self.changed_at = self.outcome, timezone.now()
        self.outcome = outcome

    def queue_position(self) -> int:
        """1 for the next one to be taken, as far as it can be told: owners take turns."""
        return Image.objects.filter(state=State.WAITING).place_of(self)

    @property
    def files(self) -> "list[models.fields.files.FieldFile]":
        return [self.original, self.thumbnail, self.display, self.screen, self.heat]

    @property
    def reviewable(self) -> bool:
        """Whether staff may look at the picture."""
        return not self.guest and (self.consent or self.review_consent or settings.REVIEW_SCOPE == "all")

    @property
    def trainable(self) -> bool:
        """Whether it may enter a dataset."""
        return not self.guest and (self.consent or settings.REVIEW_SCOPE == "all")

    def picture_visible_to(self, viewer: Viewer) -> bool:
        """The owner always; staff who may look at images only what is reviewable."""
        if viewer.pk is not None and viewer.pk == self.owner_id:
            return True
        return self.reviewable and may_see_images(viewer)


@receiver(post_delete, sender=Image)
def _delete_files(sender: type[Image], instance: Image, **kwargs: Any) -> None:
    """Files go when the row's deletion is committed, whichever way the row was deleted."""
    stored = [(file.storage, file.name) for file in instance.files if file]
    transaction.on_commit(lambda: remove_files(stored), robust=True)
