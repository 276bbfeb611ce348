"""Between owners and staff: disputes of a verdict, and consent to be looked at."""

from django.db import IntegrityError, transaction

from classifier.labelling import ground_truth
from classifier.models import Claim, Dispute, DisputeState, Image


def dispute(image: Image, claim: Claim, how: str, category: str, training: bool = False) -> Dispute | None:
    """Put an image into the staff's queue; None when its verdict is disputed already. The owner agrees by this that
    staff look at the picture; whether it may train detectors, too, is another question."""
    try:
        with transaction.atomic():
            found = Dispute.objects.create(image=image, claim=claim, how=how, category=category)
            Image.objects.filter(pk=image.pk).update(review_consent=True, **({"consent": True} if training else {}))
    except IntegrityError:
        return None
    return found


def withdraw_dispute(image: Image) -> bool:
    """The owner takes it back, and with it the look that it needed."""
    Image.objects.filter(pk=image.pk).update(review_consent=False)
    return ground_truth.close_disputes(Dispute.objects.filter(image=image), DisputeState.WITHDRAWN, None)


def set_consent(image: Image, consent: bool) -> None:
    """Give or withdraw consent. Withdrawn, staff no longer see the picture, its open dispute ends, and it leaves the
    dataset with the next version."""
    with transaction.atomic():
        Image.objects.filter(pk=image.pk).update(consent=consent)
        if not consent:
            withdraw_dispute(image)
