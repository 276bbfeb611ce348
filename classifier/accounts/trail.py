"""The trail that staff leave: who did or looked at what. Pages note it on the request, and `views.recording` writes it
when the answer is ready, before it is sent; commands write it themselves."""

import getpass
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from classifier.models import Act, AuditedImage, AuditEntry, Image

AGAIN = timedelta(minutes=10)
"""For how long the pictures and polled parts of a page belong to the same look at an image."""


@dataclass
class Note:
    """What the pages know better than their address says. images: numbers of those that were shown or changed."""

    act: Act | None = None
    number: int | None = None
    said: str = ""
    images: set[int] = field(default_factory=set)


def note_of(request: HttpRequest) -> Note:
    note = getattr(request, "_trail", None)
    if note is None:
        note = request._trail = Note()  # type: ignore[attr-defined]
    return note


def saw(request: HttpRequest, images: Iterable[Image | int]) -> None:
    """This answer shows these images. An owner's look at their own leaves no trail, nor does a guest's."""
    mine = request.user.pk
    if mine is None:
        return
    shown = (image for image in images if isinstance(image, int) or image.owner_id != mine)
    note_of(request).images.update(image if isinstance(image, int) else image.pk for image in shown)


def did(request: HttpRequest, act: Act, number: int | None = None, said: str = "") -> None:
    """This request did something. said: in words that name nobody's image."""
    note = note_of(request)
    note.act, note.number, note.said = act, number or note.number, said or note.said


def write(
    by: AbstractBaseUser | AnonymousUser | None,
    act: Act,
    kind: str = "",
    number: int | None = None,
    images: Iterable[int] = (),
    count: int = 0,
    note: str = "",
) -> AuditEntry:
    """One entry with its images, or none of both."""
    person = by if isinstance(by, User) else None
    who = person.get_username() if person else command_line()
    owners = dict(Image.objects.filter(pk__in=(numbers := sorted(set(images)))).values_list("pk", "owner"))
    with transaction.atomic():
        entry = AuditEntry.objects.create(
            by=person,
            who=who[:150],
            act=act,
            kind=kind[:40],
            number=number,
            count=count or len(numbers),
            note=note[:300],
        )
        rows = [AuditedImage(entry=entry, number=number, owner_id=owners.get(number)) for number in numbers]
        AuditedImage.objects.bulk_create(rows, batch_size=1000)
    return entry


def command_line() -> str:
    """Who sits there, as far as the system says."""
    try:
        return f"command line: {getpass.getuser()}"
    except (KeyError, OSError):  # a container whose user has no name
        return "command line"


def looked_lately(by: AbstractBaseUser | AnonymousUser, number: int) -> bool:
    """Whether this person's trail has the image just now, so that its picture needs no entry of its own."""
    since = timezone.now() - AGAIN
    return AuditedImage.objects.filter(number=number, entry__by=by.pk, entry__at__gte=since).exists()


def forget_old() -> int:
    """Delete entries older than AUDIT_DAYS days; 0 keeps everything. Returns how many."""
    if not settings.AUDIT_DAYS:
        return 0
    old = AuditEntry.objects.filter(at__lt=timezone.now() - timedelta(days=settings.AUDIT_DAYS))
    return old.delete()[1].get(AuditEntry._meta.label, 0)
