"""The review queue: which image a member of staff sees next, and what becomes of their answer."""

import random
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, F, Max, Min, OuterRef, Q, Value
from django.db.models.functions import Abs, Least
from django.utils import timezone

from classifier import dialogue, services
from classifier.models import Dispute, DisputeState, GroundTruth, Image, ImageQuerySet, Label, State

CLAIM = timedelta(minutes=5)
"""How long an image belongs to one member of staff; then another may get it."""


def waiting(by: User, skipped: Sequence[int] = ()) -> ImageQuerySet:
    """Images to be labelled that nobody else has before them, without those that were skipped."""
    free = Q(reviewed_until=None) | Q(reviewed_until__lt=timezone.now()) | Q(reviewer=by)
    return Image.objects.reviewable().filter(free, state=State.DONE, label="").exclude(pk__in=skipped)


def next_for_review(by: User, skipped: Sequence[int] = (), seed: float | None = None) -> Image | None:
    """Claim the next image: the one before this person already, else a random one for AUDIT_SHARE of all, else a
    disputed one, else one where file and network disagree, else the one nearest to a threshold. None: all is done.

    A claim is one conditional UPDATE, so two people never get the same image.
    """
    for _ in range(20):
        image = _choose(waiting(by, skipped), by, random.random() if seed is None else seed)  # noqa: S311
        if image is None:
            return None
        if waiting(by).filter(pk=image.pk).update(reviewer=by, reviewed_until=timezone.now() + CLAIM):
            return image
    return None


def following(by: User, skipped: Sequence[int]) -> Image | None:
    """What comes next, a random draw aside, when these are done with; not claimed, only to be fetched early."""
    return _choose(waiting(by, skipped), by, chance=1)


def _choose(images: ImageQuerySet, by: User, chance: float) -> Image | None:
    if mine := images.filter(reviewer=by, reviewed_until__gt=timezone.now()).first():
        return mine
    if chance < settings.AUDIT_SHARE:
        ends = images.order_by().aggregate(first=Min("pk"), last=Max("pk"))
        if ends["first"] is None:
            return None
        place = ends["first"] + int(chance / settings.AUDIT_SHARE * (ends["last"] - ends["first"] + 1))
        return images.filter(pk__gte=place).order_by("pk").first()
    disputed = Exists(Dispute.objects.filter(image=OuterRef("pk"), state=DisputeState.OPEN))
    if found := images.filter(disputed).order_by("pk").first():
        return found
    disagreeing = images.exclude(decided_by="network").exclude(outcome=F("verdict__outcome"))
    return disagreeing.order_by("pk").first() or _nearest(images)


def _nearest(images: ImageQuerySet) -> Image | None:
    card = services.active_detector().card
    low, high = (Abs(F("score") - Value(card[name])) for name in ("fake_below", "real_above"))
    return images.exclude(score=None).order_by(Least(low, high), "pk").first() or images.order_by("pk").first()


def answer(image: Image, by: User, new: GroundTruth, note: str) -> bool:
    """Label an image that this person has before them. False when their claim ended and somebody else has it."""
    if not waiting(by).filter(pk=image.pk, reviewer=by).exists():
        return False
    dialogue.label_images(Image.objects.filter(pk=image.pk), by, new, note or "review queue")
    release(image)
    return True


def release(image: Image) -> None:
    Image.objects.filter(pk=image.pk).update(reviewer=None, reviewed_until=None)


def take_back(by: User) -> Image | None:
    """Undo this person's last label of today, by another row; its dispute is open again. The image is before them."""
    last = Label.objects.filter(by=by, created_at__gte=timezone.now() - timedelta(days=1)).exclude(new="").first()
    if last is None or last.image.label != last.new or last.image.labels.first() != last:
        return None
    with transaction.atomic():
        Label.objects.create(image=last.image, by=by, old=last.new, new=last.old, reason="taken back")
        until = timezone.now() + CLAIM
        Image.objects.filter(pk=last.image_id).update(label=last.old, reviewer=by, reviewed_until=until)
        closed = Dispute.objects.filter(image=last.image, closed_by=by, closed_at__gte=last.created_at).first()
        if closed and not last.image.disputes.filter(state=DisputeState.OPEN).exists():
            Dispute.objects.filter(pk=closed.pk).update(state=DisputeState.OPEN, closed_at=None, closed_by=None)
    return last.image


def labelled_today(by: User) -> int:
    """How many images this person labelled today, those taken back not counted."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = Label.objects.filter(by=by, created_at__gte=today)
    return max(0, rows.exclude(new="").count() - rows.filter(new="").count())
