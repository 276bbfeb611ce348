"""Personal tokens for the programming interface: shown once, kept as a hash."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from classifier.models import Scope, Token

PREFIX = "aidetect_"
"""So that people and secret scanners recognise one that got lost."""
MOST = 20
"""Tokens of one person that work at the same time."""
USED_SECONDS = 60
"""How exactly the last use is remembered: not every call has to write."""


class TooManyTokens(Exception):
    """The message is a sentence for their owner."""


def create(owner: User, name: str, scopes: Sequence[Scope], days: int) -> tuple[Token, str]:
    """A new token and its secret, which is not kept. Raises TooManyTokens."""
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)
        if Token.objects.open().filter(owner=owner).count() >= MOST:
            raise TooManyTokens(f"You have {MOST} tokens that work. Revoke one that you no longer need.")
        token = Token.objects.create(
            owner=owner,
            name=name,
            digest=digest_of(secret),
            ending=secret[-4:],
            scopes=[str(scope) for scope in Scope if scope in scopes],
            expires_at=timezone.now() + timedelta(days=days),
        )
    return token, secret


def find(secret: str) -> Token | None:
    """The token with this secret, if it works: neither revoked nor run out, its owner's account not closed."""
    found = Token.objects.open().select_related("owner").filter(digest=digest_of(secret), owner__is_active=True)
    token = found.first() if secret.startswith(PREFIX) else None
    if token:
        _note_use(token)
    return token


def revoke(token: Token) -> bool:
    """It works no longer. False when it was revoked before."""
    return bool(Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()))


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _note_use(token: Token) -> None:
    now = timezone.now()
    if token.used_at is None or now - token.used_at > timedelta(seconds=USED_SECONDS):
        Token.objects.filter(pk=token.pk).update(used_at=now)
