"""Webhooks: addresses of a person's that are told what happens to their images. What is to be sent is a row, written in
the transaction of what it tells; `delivering` sends it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from classifier import wakeups
from classifier.accounts import public_address
from classifier.models import Delivery, Event, Image, JobState, Webhook, claims
from classifier.models.webhooks import PING, TRIES

MOST = 10
"""Webhooks of one person."""
LOG = timedelta(days=30)
"""How long the log of deliveries goes back."""


class TooManyHooks(Exception):
    """The message is a sentence for their owner."""


class ImageSaid(TypedDict):
    """What a message says about an image; no file name: that is nobody's business on the way."""

    uuid: str
    sha256: str
    state: str
    error: str | None
    outcome: str | None
    decided_by: str | None
    score: float | None
    previous: str | None
    path: str


class Message(TypedDict):
    """The body that is sent. path: below the site's address."""

    type: str
    timestamp: str
    data: dict[str, Any]


def create(owner: User, url: str, events: Sequence[Event]) -> Webhook:
    """Raises TooManyHooks, or public_address.Refused."""
    public_address.check(url, settings.WEBHOOK_PRIVATE)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)
        if Webhook.objects.filter(owner=owner).count() >= MOST:
            raise TooManyHooks(f"You have {MOST} webhooks. Delete one that you no longer need.")
        return Webhook.objects.create(owner=owner, url=url, events=[str(event) for event in Event if event in events])


def record(event: Event, images: Sequence[Image], **more: str) -> int:
    """Note that this happened; within the transaction in which it does. more: further data. Returns how many messages
    will be sent."""
    hooks = Webhook.objects.filter(owner__in={image.owner_id for image in images}, disabled_at=None)
    wanted = [hook for hook in hooks if event in hook.events]
    rows = [
        Delivery(webhook=hook, image=image, event=event, payload=_message(event, {"image": _said(image), **more}))
        for image in images
        for hook in wanted
        if hook.owner_id == image.owner_id
    ]
    _send(rows)
    return len(rows)


def ping(hook: Webhook) -> None:
    """A message that says nothing, to try the address out."""
    _send([Delivery(webhook=hook, event=PING, payload=_message(PING, {"hello": "This is a test."}))])


def replay(delivery: Delivery) -> bool:
    """Send it once more, with all tries anew. False while it waits anyway."""
    ended = Delivery.objects.filter(pk=delivery.pk, state__in=[JobState.DONE, JobState.FAILED])
    fresh = {"left": TRIES, "not_before": None, "finished_at": None, "error": "", "attempts": 0}
    count = ended.update(state=JobState.WAITING, **fresh)
    wakeups.wake_hooks()
    return bool(count)


def switch(hook: Webhook, on: bool, why: str = "You switched it off.") -> None:
    """On or off. Off, nothing more is recorded for it, and what waits has failed."""
    with transaction.atomic():
        now = timezone.now()
        Webhook.objects.filter(pk=hook.pk).update(disabled_at=None if on else now, why="" if on else why[:300])
        if not on:
            waiting = Delivery.objects.filter(webhook=hook, state=JobState.WAITING)
            waiting.update(state=JobState.FAILED, finished_at=now, error="The webhook was switched off.")


def forget_old_deliveries() -> int:
    """Delete what the log no longer shows. Returns how many rows went."""
    return Delivery.objects.filter(finished_at__lt=timezone.now() - LOG).delete()[0]


@receiver(claims.gave_up, sender=Image)
def _tell_of_images_given_up(sender: type[Image], numbers: list[int], **kwargs: Any) -> None:
    """Pictures that ended their worker too often: nobody else notices them one by one."""
    record(Event.FAILED, list(Image.objects.filter(pk__in=numbers)))


def _send(rows: list[Delivery]) -> None:
    if rows:
        Delivery.objects.bulk_create(rows)
        wakeups.wake_hooks()


def _message(event: str, data: dict[str, Any]) -> dict[str, Any]:
    return {**Message(type=event, timestamp=timezone.now().isoformat(), data=data)}


def _said(image: Image) -> ImageSaid:
    return ImageSaid(
        uuid=str(image.uuid),
        sha256=image.sha256,
        state=image.state,
        error=image.error or None,
        outcome=image.outcome or None,
        decided_by=image.decided_by or None,
        score=None if image.score is None else round(image.score, 6),
        previous=image.previous or None,
        path=f"/api/v1/images/{image.uuid}",
    )
