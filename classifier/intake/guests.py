"""People without an account: one picture at a time, kept an hour, seen by nobody but the session it came from.

All of their images belong to one account that nobody can log in to, and so take one turn together in the queue."""

import hashlib
import time
from ipaddress import ip_address, ip_network
from secrets import token_hex

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.cache import cache
from django.template.defaultfilters import pluralize

from classifier import wakeups
from classifier.intake import submitting
from classifier.intake.submitting import CheckedFile
from classifier.models import Image

HOUR = 3600
ACCOUNT = "(guests)"
"""No name that anybody can sign up with: it has brackets."""


def account() -> User:
    """The account that holds the images of guests; made when the first one comes."""
    nobody = {"is_active": False, "password": make_password(None)}
    return User.objects.get_or_create(username=ACCOUNT, defaults=nobody)[0]


def new_guest() -> str:
    """The secret by which a session knows its images again."""
    return token_hex(16)


def submit(guest: str, checked: CheckedFile) -> Image:
    """Store one picture of a guest, or find the row of the same bytes."""
    image = submitting.submit(account(), checked, False, guest=guest, compared=True).image
    wakeups.wake_workers()
    return image


def pending(guest: str) -> Image | None:
    """The picture that is not judged yet: the next one has to wait for it."""
    return Image.objects.of_guest(guest).pending().first()


def objection(address: str) -> str:
    """Why this network address may not send another picture now; "" when it may."""
    moments = _lately(address)
    if len(moments) < settings.GUEST_CHECKS_PER_HOUR:
        return ""
    minutes = max(1, -(-int(moments[0] + HOUR - time.time()) // 60))
    return (
        f"From your network {len(moments)} picture{pluralize(len(moments))} were checked within an hour; without an "
        f"account that is the limit. Try again in {minutes} minute{pluralize(minutes)}, or create an account."
    )


def count(address: str) -> None:
    """Remember for an hour that a picture came from there; of the address only a keyed digest is kept."""
    cache.set(_key(address), [*_lately(address), time.time()][-settings.GUEST_CHECKS_PER_HOUR :], HOUR)


def _lately(address: str) -> list[float]:
    since = time.time() - HOUR
    return [moment for moment in cache.get(_key(address), []) if moment > since]


def _key(address: str) -> str:
    """IPv6 hands out whole networks to one person: they count as one address."""
    try:
        known = ip_address(address)
        place = str(ip_network(f"{known}/64", strict=False)) if known.version == 6 else str(known)
    except ValueError:
        place = ""
    return "guest-" + hashlib.blake2b(place.encode(), key=settings.SECRET_KEY.encode()[:64]).hexdigest()[:32]
