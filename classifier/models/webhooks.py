"""Addresses that are told what happens, and what was sent to each."""

import base64
import json
import secrets
import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from classifier.models.images import Image
from classifier.models.jobs import Job

TRIES = 8
"""How often one delivery is tried; the pauses between are in `accounts.delivering`."""


class Event(models.TextChoices):
    DONE = "image.done", "An image has a verdict"
    FAILED = "image.failed", "An image can't be analysed"
    CHANGED = "verdict.changed", "A verdict has changed, by another detector"
    ANSWERED = "dispute.answered", "A person has answered a dispute"


PING = "ping"


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Webhook(models.Model):
    """secret: signs what is sent, so it can't be kept as a hash. disabled_at: switched off, by its owner or because
    nothing arrived; why: the reason in words."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="webhooks")
    url = models.CharField("address", max_length=500)
    events = models.JSONField(default=list)
    secret = models.CharField(max_length=80, default=new_secret, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    succeeded_at = models.DateTimeField("last arrival", null=True, blank=True, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    why = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.url


class Delivery(Job):
    """One message to one address. left: tries that it still has; tried: what each try came to. It goes with its
    image, because it says what the verdict was."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    image = models.ForeignKey(Image, models.CASCADE, null=True, blank=True, related_name="+")
    number = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    event = models.CharField(max_length=30)
    payload = models.JSONField(default=dict)
    left = models.PositiveSmallIntegerField(default=TRIES, editable=False)
    tried = models.JSONField(default=list, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["webhook", "-id"], name="delivery_log"),
            models.Index(fields=["state", "webhook", "id"], name="delivery_queue"),
            models.Index(fields=["finished_at"], name="delivery_age"),
        ]
        ordering = ["-id"]
        verbose_name_plural = "deliveries"

    @property
    def as_sent(self) -> str:
        """The body, byte for byte."""
        return json.dumps(self.payload, ensure_ascii=False)

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook_id}"
