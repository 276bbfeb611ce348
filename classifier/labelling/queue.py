"""The review queue: which image a member of staff sees next, and what becomes of their answer."""

import random
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, Subquery
from django.utils import timezone

from classifier.intake import neighbours
from classifier.labelling import ground_truth
from classifier.models import (
    Detector,
    Dispute,
    DisputeState,
    GroundTruth,
    Image,
    ImageQuerySet,
    Label,
    LabelKind,
    State,
)

CLAIM = timedelta(minutes=5)
"""How long an image belongs to one member of staff; then another may get it."""
DECIDED = (GroundTruth.REAL, GroundTruth.FAKE)


def waiting(by: User, skipped: Sequence[int] = ()) -> ImageQuerySet:
    """Images that this person may be asked about and that nobody else has before them: without a label, contested, or
    labelled against the verdict by at most one other person. Without those that were skipped."""
    free = Q(reviewed_until=None) | Q(reviewed_until__lt=timezone.now()) | Q(reviewer=by)
    images = Image.objects.reviewable().filter(free, state=State.DONE).exclude(pk__in=skipped)
    held = Q(reviewer=by, reviewed_until__gt=timezone.now())
    open_to_them = _second_look() | Q(contested=True) | held  # held: such as one whose label they took back
    return images.filter(Q(label="", contested=False) | Q(~_has_opinion(by), open_to_them))


def _has_opinion(by: User) -> Exists:
    """Whether this person said what the image is and didn't take it back; what they imported is no opinion."""
    said = Count("pk", filter=Q(kind=LabelKind.OPINION)) - Count("pk", filter=Q(kind=LabelKind.TAKEN_BACK))
    mine = Label.objects.filter(image=OuterRef("pk"), by=by).order_by().values("image")
    return Exists(mine.annotate(standing=said).filter(standing__gt=0))


def _second_look() -> Q:
    """Labelled against the verdict, by an import or by one person so far."""
    opinions = Label.objects.filter(image=OuterRef("pk"), kind=LabelKind.OPINION).order_by().values("image")
    several = opinions.annotate(people=Count("by", distinct=True)).filter(people__gt=1)
    against = Q(label__in=DECIDED, outcome__in=DECIDED) & ~Q(outcome=F("label"))
    return against & ~Q(Exists(several))


def next_for_review(by: User, skipped: Sequence[int] = (), seed: float | None = None) -> Image | None:
    """Claim the next image: the one before this person already, else a random one for AUDIT_SHARE of all, else the
    first that there is in the order of REVIEW_ORDER. None: all is done.

    A claim is one conditional UPDATE, so two people never get the same image.
    """
    for _ in range(20):
        chance = random.random() if seed is None else seed  # noqa: S311
        image = _choose(waiting(by, skipped), by, chance)
        if image is None:
            return None
        claim = {"reviewer": by, "reviewed_until": timezone.now() + CLAIM}
        sampled = {"sampled": True} if chance < settings.AUDIT_SHARE and image.reviewer_id != by.pk else {}
        if waiting(by).filter(pk=image.pk).update(**claim, **sampled):
            return image
    return None


def following(by: User, skipped: Sequence[int]) -> Image | None:
    """What comes next, a random draw aside, when these are done with; not claimed, only to be fetched early."""
    return _choose(waiting(by, skipped), by, chance=1)


def _choose(images: ImageQuerySet, by: User, chance: float) -> Image | None:
    held = images.filter(reviewer=by, reviewed_until__gt=timezone.now()).order_by("-reviewed_until")
    if mine := held.first():
        return mine
    if chance < settings.AUDIT_SHARE and (drawn := _drawn(images.filter(label="", contested=False), chance)):
        return drawn
    for kind in [*settings.REVIEW_ORDER, "uncertain"]:
        if found := KINDS[kind](images):
            return found
    return images.order_by("pk").first()


def _drawn(images: ImageQuerySet, chance: float) -> Image | None:
    ends = images.order_by().aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return None
    place = ends["first"] + int(chance / settings.AUDIT_SHARE * (ends["last"] - ends["first"] + 1))
    return images.filter(pk__gte=place).order_by("pk").first()


def _disputed(images: ImageQuerySet) -> Image | None:
    disputed = Exists(Dispute.objects.filter(image=OuterRef("pk"), state=DisputeState.OPEN))
    return images.filter(disputed).order_by("pk").first()


def _contested(images: ImageQuerySet) -> Image | None:
    return images.filter(contested=True).order_by("pk").first()


def _disagreeing(images: ImageQuerySet) -> Image | None:
    """File and network disagree, or one person and the verdict."""
    if labelled := images.filter(label__in=DECIDED).order_by("pk").first():
        return labelled
    against_file = images.exclude(decided_by="network").exclude(outcome=F("verdict__outcome"))
    return against_file.order_by("pk").first()


def _uncertain(images: ImageQuerySet) -> Image | None:
    """Nearest to a threshold: the next one above and the next one below each, which an index finds."""
    active = Detector.objects.active()
    if active is None:
        return None
    thresholds = [float(active.card[name]) for name in ("fake_below", "real_above")]
    unlabelled, nearest = images.filter(label=""), []
    for threshold in thresholds:
        nearest.append(unlabelled.filter(score__gte=threshold).order_by("score", "pk").first())
        nearest.append(unlabelled.filter(score__lt=threshold).order_by("-score", "pk").first())
    found = [image for image in nearest if image and image.score is not None]
    gaps = {image: min(abs((image.score or 0) - threshold) for threshold in thresholds) for image in found}
    return min(found, key=lambda image: (gaps[image], image.pk), default=None)


KINDS = {"contested": _contested, "disputed": _disputed, "disagreeing": _disagreeing, "uncertain": _uncertain}


def beside(image: Image) -> list[Image]:
    """Near-duplicates that staff may see, to be looked at and labelled together with the image."""
    return neighbours.near(image, Image.objects.reviewable().filter(state=State.DONE))


def answer(image: Image, by: User, new: GroundTruth, note: str, category: str = "", near: Sequence[int] = ()) -> bool:
    """Label an image that this person has before them, and with it the chosen near-duplicates of it (others are left
    out, as are those that somebody else is looking at). False when their claim ended and somebody else has it."""
    if not waiting(by).filter(pk=image.pk, reviewer=by).exists():
        return False
    taken = Q(reviewed_until__gte=timezone.now()) & ~Q(reviewer=by)
    allowed = {other.pk for other in beside(image)} & set(near) if near else set()
    together = Image.objects.filter(pk__in=[image.pk, *allowed]).exclude(taken)
    ground_truth.label_images(together, by, new, note or "review queue", category)
    release(image)
    return True


def release(image: Image) -> None:
    Image.objects.filter(pk=image.pk).update(reviewer=None, reviewed_until=None)


def take_back(by: User) -> Image | None:
    """Undo this person's last label of today, by another row; its dispute is open again. The image is before them."""
    day = timezone.now() - timedelta(days=1)
    mine = Label.objects.filter(by=by, created_at__gte=day, image=OuterRef("image")).exclude(kind=LabelKind.IMPORT)
    newest = mine.order_by("-pk").values("pk")[:1]
    standing = Label.objects.filter(by=by, created_at__gte=day, pk=Subquery(newest))
    last = standing.filter(kind=LabelKind.OPINION).select_related("image").first()
    if last is None or last.image.labels.first() != last:
        return None
    moment = last.created_at - timedelta(seconds=1)
    alike = [other.pk for other in beside(last.image)]
    together = standing.filter(image__in=alike, new=last.new, reason=last.reason, created_at__gte=moment)
    for one in [last, *together.select_related("image")]:
        ground_truth.take_back(one, by)
    until = timezone.now() + CLAIM
    Image.objects.filter(pk=last.image_id).update(reviewer=by, reviewed_until=until)
    return last.image


def labelled_today(by: User) -> int:
    """How many images this person labelled today, those taken back and imported ones not counted."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = Label.objects.filter(by=by, created_at__gte=today)
    undone = rows.filter(kind=LabelKind.TAKEN_BACK).count()
    return max(0, rows.filter(kind=LabelKind.OPINION).count() - undone)
