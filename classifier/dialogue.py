"""Between owners and staff: disputes, consent, links that show a report, retention."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from classifier import opinions, services
from classifier.models import Claim, Dispute, DisputeState, Image, ImageQuerySet, Share, State


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
    return opinions.close_disputes(Dispute.objects.filter(image=image), DisputeState.WITHDRAWN, None)


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
