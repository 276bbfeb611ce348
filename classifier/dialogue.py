"""Between owners and staff: disputes, labels, consent, links that show a report, retention."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from classifier import services
from classifier.models import Claim, Dispute, DisputeState, GroundTruth, Image, ImageQuerySet, Label, Share, State


def dispute(image: Image, claim: Claim, how: str, category: str) -> Dispute | None:
    """Put an image into the staff's queue; None when its verdict is disputed already. The owner agrees by this that
    staff look at the picture, so it becomes reviewable."""
    try:
        with transaction.atomic():
            found = Dispute.objects.create(image=image, claim=claim, how=how, category=category)
            Image.objects.filter(pk=image.pk).update(consent=True)
    except IntegrityError:
        return None
    return found


def withdraw_dispute(image: Image) -> bool:
    return _close(Dispute.objects.filter(image=image), DisputeState.WITHDRAWN, None)


def label_images(images: ImageQuerySet, by: User, new: GroundTruth, reason: str) -> int:
    """Set the ground truth of images that staff may review; each change becomes a Label row. Returns how many changed.

    Images that have this label already, and images without consent, stay as they are. Open disputes are answered by it.
    """
    with transaction.atomic():
        changing = images.reviewable().exclude(label=new).select_for_update().order_by("pk")
        rows = [Label(image=image, by=by, old=image.label, new=new, reason=reason) for image in changing]
        Label.objects.bulk_create(rows)
        Image.objects.filter(pk__in=[row.image_id for row in rows]).update(label=new)
        answer_disputes(images.reviewable(), new, by)
    return len(rows)


def answer_disputes(images: ImageQuerySet, label: GroundTruth, by: User) -> None:
    """Close the open disputes of images that were labelled: agreed, disagreed, or answered where neither fits."""
    disputes = Dispute.objects.filter(image__in=images.values("pk"))
    if label != GroundTruth.UNUSABLE:
        _close(disputes.filter(claim=label), DisputeState.AGREED, by)
        _close(disputes.exclude(claim__in=[label, Claim.UNSURE]), DisputeState.DISAGREED, by)
    _close(disputes, DisputeState.ANSWERED, by)


def _close(disputes: QuerySet[Dispute], state: DisputeState, by: User | None) -> bool:
    closed = disputes.filter(state=DisputeState.OPEN).update(state=state, closed_at=timezone.now(), closed_by=by)
    return bool(closed)


def set_consent(image: Image, consent: bool) -> None:
    """Give or withdraw consent. Withdrawn, staff no longer see the picture, its open dispute ends, and it leaves the
    dataset with the next version."""
    with transaction.atomic():
        Image.objects.filter(pk=image.pk).update(consent=consent)
        if not consent:
            withdraw_dispute(image)


def share(image: Image, days: int) -> Share:
    """A new link to the report of an image, for at most SHARE_DAYS days."""
    days = max(1, min(days, settings.SHARE_DAYS))
    return Share.objects.create(image=image, expires_at=timezone.now() + timedelta(days=days))


def revoke_shares(image: Image) -> int:
    return Share.objects.open().filter(image=image).update(revoked_at=timezone.now())


def analyse_again(images: ImageQuerySet) -> int:
    """Put images that are done or failed back into the queue. Returns how many; the verdict they had is remembered when
    another one comes out."""
    again = images.filter(state__in=[State.DONE, State.FAILED]).order_by()
    count = again.update(state=State.WAITING, error="", attempts=0, claim=None)
    services.wake_workers()
    return count


def delete_expired() -> int:
    """Delete images without consent that are older than RETENTION_DAYS days; 0 keeps everything. Returns how many."""
    if not settings.RETENTION_DAYS:
        return 0
    before = timezone.now() - timedelta(days=settings.RETENTION_DAYS)
    return services.delete_images(Image.objects.filter(consent=False, created_at__lt=before))
