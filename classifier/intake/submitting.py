"""Images on their way in: stored with their rows, then a worker is woken."""

import errno
import hashlib
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import Error, IntegrityError, transaction

from aidetect import logs
from classifier import wakeups
from classifier.detector.images.decoding import Header
from classifier.intake import quotas
from classifier.intake.quotas import OverQuota
from classifier.models import Image, ImageQuerySet, State
from classifier.models.claims import is_trouble
from classifier.models.images import original_path
from classifier.models.trouble import in_words

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckedFile:
    """An uploaded file that passed every rule of the form."""

    file: "File[bytes]"
    name: str
    header: Header


@dataclass(frozen=True)
class Refused:
    """A file that is not taken in, and why: a sentence, or several."""

    name: str
    reason: str


@dataclass(frozen=True)
class Submission:
    image: Image
    created: bool


class NotStored(OSError):
    """The machine was in the way of an upload. sentence: for its owner; accepted: what was stored before."""

    def __init__(self, error: Exception, name: str, accepted: list[Submission]) -> None:
        super().__init__(getattr(error, "errno", None) or errno.EIO, str(error))
        self.sentence = not_stored(error, name, more=bool(accepted))
        self.accepted = accepted


def not_stored(error: Exception, name: str, more: bool) -> str:
    """For its owner: what the machine's trouble did to an upload. more: whether other files were to follow."""
    rest = " and what came after it" if more else ""
    return f"{in_words(error)}; {name}{rest} was not stored. Please try again in a few minutes."


def submit_images(
    owner: User, files: Iterable[CheckedFile], consent: bool, refused: "list[Refused] | None" = None
) -> list[Submission]:
    """Store each file with its row, or find the row of the same bytes; each in its own transaction, so that whatever
    happens to one file, the others stay accepted. `refused` collects the files that the person's quota has no
    room for; without it such a file raises OverQuota. Raises NotStored."""
    submissions: list[Submission] = []
    try:
        for checked in files:
            try:
                submissions.append(submit(owner, checked, consent))
            except OverQuota as error:
                if refused is None:
                    raise
                refused.append(Refused(checked.name, error.sentence))
    except Exception as error:
        if not is_trouble(error):
            raise
        logger.exception("an upload of person %s was not stored", owner.pk)
        raise NotStored(error, checked.name, submissions) from error
    finally:
        wakeups.wake_workers()
    return submissions


def submit(
    owner: User, checked: CheckedFile, consent: bool, also: Callable[[Image], None] | None = None, **told: Any
) -> Submission:
    """One file; told: further values of its row; also: what is written in the same transaction as a new row.
    Wakes nobody. Raises OverQuota, but not for background work, which only staff bring."""
    digest = hashlib.sha256()
    for chunk in checked.file.chunks():
        digest.update(chunk)
    same = {"owner": owner, "guest": told.pop("guest", ""), "sha256": digest.hexdigest()}
    if image := Image.objects.filter(**same).first():
        _bring_back(image, checked)
        return Submission(image, created=False)
    image = Image(
        **same,
        name=checked.name,
        format=checked.header.format,
        width=checked.header.width,
        height=checked.header.height,
        size=checked.file.size,
        consent=consent,
        request_id=logs.REQUEST.get(),
        **told,
    )
    with logs.about(image=str(image.uuid)):
        return _store(image, checked, also)


def _store(image: Image, checked: CheckedFile, also: Callable[[Image], None] | None) -> Submission:
    try:
        image.original.save(checked.name, checked.file, save=False)
        with transaction.atomic():
            if not (image.background or image.guest):
                quotas.book(image.owner, image.size)
            image.save()
            if also:
                also(image)
    except IntegrityError:  # the form was posted twice at the same moment: the other one won
        image.original.delete(save=False)
        same = Image.objects.get(owner=image.owner_id, guest=image.guest, sha256=image.sha256)
        return Submission(same, created=False)
    except BaseException:
        _forget(image)
        raise
    logger.info("accepted: %s of %d bytes", image.format, image.size)
    return Submission(image, created=True)


def _forget(image: Image) -> None:
    """Remove what was written, in part maybe, unless the row is there: a commit may fail in its answer alone."""
    with suppress(OSError, Error):
        if not Image.objects.filter(uuid=image.uuid).exists():
            image.original.storage.delete(original_path(image, ""))


def _bring_back(image: Image, checked: CheckedFile) -> None:
    """Whoever uploads a file that the storage has lost gives it back; it is analysed again where it had failed."""
    storage, name = image.original.storage, str(image.original.name)
    if not storage.exists(name):
        storage.save(name, checked.file)
        analyse_again(Image.objects.filter(pk=image.pk, state=State.FAILED))


def analyse_again(images: ImageQuerySet) -> int:
    """Put images that are done, failed or cancelled back into the queue. Returns how many; the verdict they had is
    remembered when another one comes out."""
    again = images.filter(state__in=[State.DONE, State.FAILED, State.CANCELLED]).order_by()
    fresh = {"error": "", "attempts": 0, "setbacks": 0, "not_before": None, "claim": None}
    count = again.update(state=State.WAITING, **fresh, request_id=logs.REQUEST.get())
    wakeups.wake_workers()
    return count
