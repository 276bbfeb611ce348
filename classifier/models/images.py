"""An uploaded file and the work to be done on it."""

import uuid
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.files.storage import Storage
from django.db import models, transaction
from django.db.models import Count, F, Min, OuterRef, Q, Subquery
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.urls import reverse
from django.utils import timezone

from classifier.models.choices import DecidedBy, GroundTruth, Outcome, State
from classifier.models.claims import Work, WorkQuerySet

Viewer = AbstractBaseUser | AnonymousUser
HUGE = 20_000_000
"""Pixels from which on a picture is a batch of its own."""
TRIES = 5
"""Claims in a row that other workers may be quicker with."""
INTERRUPTED = "The analysis was interrupted several times. Try again, or save the picture anew and upload that."


def may_see_images(viewer: Any) -> bool:
    """Whether this is staff with the permission to look at other people's images; being staff alone opens none."""
    if not getattr(viewer, "is_staff", False):
        return False
    return any(viewer.has_perm(f"classifier.{act}_image") for act in ("view", "change"))


class ImageQuerySet(WorkQuerySet["Image"]):
    def visible_to(self, viewer: Viewer) -> "ImageQuerySet":
        if not viewer.is_authenticated:
            return self.none()
        return self if may_see_images(viewer) else self.filter(owner=viewer.pk)

    def reviewable(self) -> "ImageQuerySet":
        """Images that staff may look at and say what they are."""
        return self if settings.REVIEW_SCOPE == "all" else self.filter(Q(consent=True) | Q(review_consent=True))

    def trainable(self) -> "ImageQuerySet":
        """Images that may enter a dataset or a comparison of detectors."""
        return self if settings.REVIEW_SCOPE == "all" else self.filter(consent=True)

    def judged_by_another(self, detector: Any) -> "ImageQuerySet":
        """Images with a verdict that is not this detector's."""
        return self.filter(state=State.DONE).exclude(verdict__detector=detector)

    def pending(self) -> "ImageQuerySet":
        return self.filter(state__in=[State.WAITING, State.ANALYSING])

    def claim(self, token: uuid.UUID, limit: int) -> "ImageQuerySet":
        """Take up to `limit` waiting rows for the worker `token` and return them: uploads before background work, then
        in turns (`_next_fresh`).

        A row that was tried before is taken alone: should it kill the worker, it drags no other row along.
        """
        for _ in range(TRIES):
            candidates, most = next((batch for batch in self._batches(limit) if batch[0]), ([], 0))
            if not candidates:
                break
            if (taken := self.take(candidates, token, most)).exists():
                return taken
        return self.none()

    def _batches(self, limit: int) -> Iterator[tuple[list[int], int]]:
        """What may be taken next, in this order, and how many of it at most."""
        for background in (False, True):
            lane = self.free().filter(background=background)
            yield lane._next_fresh(limit), limit
            yield lane._tried_before(), 1

    def _next_fresh(self, limit: int) -> list[int]:
        """Owners take turns, the one first who was served longest ago. Whose turn it is may bring a huge picture, which
        is then a batch of its own: nobody's small one waits in the same batch."""
        fresh = self.filter(attempts=0)
        owners = fresh.owners_in_turn()[: 2 * limit]
        if not owners:
            return []
        first = fresh.filter(owner=owners[0]).order_by("pk").first()
        if first and first.is_huge:
            return [first.pk]
        small = fresh.alias(area=F("width") * F("height")).filter(area__lte=HUGE).order_by("pk")
        rows = [small.filter(owner=owner).values_list("pk", flat=True)[: 2 * limit] for owner in owners]
        in_turns = (pk for turn in zip_longest(*rows) for pk in turn if pk is not None)
        return list(islice(in_turns, 2 * limit))  # more than needed: another worker may get some of them

    def _tried_before(self) -> list[int]:
        rows = self.filter(attempts__gt=0).order_by("attempts", "pk")
        return list(rows.values_list("pk", flat=True)[:8])

    def owners_in_turn(self) -> list[int]:
        """Whose rows these are, who was served longest ago first."""
        served = Image.objects.filter(owner=OuterRef("owner"), claimed_at__isnull=False).order_by("-claimed_at")
        owners = (
            self.order_by().values("owner").annotate(oldest=Min("pk"), served=Subquery(served.values("claimed_at")[:1]))
        )
        return list(owners.order_by(F("served").asc(nulls_first=True), "oldest").values_list("owner", flat=True))


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
    background = models.BooleanField(default=False, editable=False, help_text="analysed when no upload waits")

    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    reviewed_until = models.DateTimeField("claimed for review until", null=True, editable=False)

    WAITING = {"state": State.WAITING}
    RUNNING = {"state": State.ANALYSING}
    objects = ImageQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "sha256"], name="one_row_per_owner_and_file")]
        indexes = [
            models.Index(fields=["owner", "-id"], name="image_history"),
            models.Index(fields=["owner", "outcome", "-id"], name="image_history_outcome"),
            models.Index(fields=["owner", "state", "-id"], name="image_history_state"),
            models.Index(fields=["owner", "score", "id"], name="image_history_score"),
            models.Index(fields=["owner", "changed_at"], name="image_history_changed"),
            models.Index(fields=["state", "background", "attempts", "owner", "id"], name="image_lanes"),
            models.Index(fields=["owner", "claimed_at"], name="image_served"),
            models.Index(fields=["label", "outcome", "id"], name="image_curation"),
            models.Index(fields=["id"], condition=Q(compared=False), name="image_uncompared"),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("image", args=[self.uuid])

    @classmethod
    def given_up(cls) -> dict[str, Any]:
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
        waiting = Image.objects.filter(state=State.WAITING)
        lane = waiting.filter(background=self.background)
        before = waiting.filter(background=False).count() if self.background else 0
        if self.attempts:
            earlier = Q(attempts__lt=self.attempts) | Q(attempts=self.attempts, pk__lte=self.pk)
            return before + lane.filter(earlier).count()
        fresh = lane.filter(attempts=0)
        mine = fresh.filter(owner=self.owner_id, pk__lte=self.pk).count()
        owners = fresh.owners_in_turn()
        earlier_owners = set(owners[: owners.index(self.owner_id)]) if self.owner_id in owners else set()
        counts = fresh.exclude(owner=self.owner_id).order_by().values_list("owner").annotate(n=Count("pk"))
        others = sum(min(n, mine if owner in earlier_owners else mine - 1) for owner, n in counts)
        return int(before + mine + others)

    @property
    def files(self) -> "list[models.fields.files.FieldFile]":
        return [self.original, self.thumbnail, self.display, self.screen, self.heat]

    @property
    def reviewable(self) -> bool:
        """Whether staff may look at the picture."""
        return self.consent or self.review_consent or settings.REVIEW_SCOPE == "all"

    @property
    def trainable(self) -> bool:
        """Whether it may enter a dataset."""
        return self.consent or settings.REVIEW_SCOPE == "all"

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


def remove_files(files: Iterable[tuple[Storage, str | None]]) -> None:
    for storage, name in files:
        if name:
            storage.delete(name)
