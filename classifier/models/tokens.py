"""Keys to the programming interface, and what must be remembered of calls."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Scope(models.TextChoices):
    """What a token may do."""

    READ = "read", "Read: list images, verdicts, evidence and reports; inspect pictures that are not kept"
    UPLOAD = "upload", "Upload: send pictures in, dispute verdicts, analyse again, delete"


class TokenQuerySet(models.QuerySet["Token"]):
    def open(self) -> "TokenQuerySet":
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())


class Token(models.Model):
    """A personal token. Only its SHA-256 is kept: the secret is long and random, so nothing slower is needed."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    ending = models.CharField(max_length=4, editable=False, help_text="its last characters, to tell it from others by")
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()


class KeyedCall(models.Model):
    """A call that carried an Idempotency-Key, and what it was answered. status: 0 as long as it runs."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, address and body")
    status = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField("content type", max_length=100, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="one_call_per_key"),
            models.CheckConstraint(condition=~Q(key=""), name="a_key_is_not_empty"),
        ]
        indexes = [models.Index(fields=["created_at"], name="keyed_call_age")]

    def __str__(self) -> str:
        return f"{self.key} ({self.status or 'running'})"
