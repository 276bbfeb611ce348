"""Batches: pictures that somebody sends in together, and what can be done with all of them at once."""

import logging
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from classifier import wakeups
from classifier.intake import quotas, retention, submitting, unpacking
from classifier.intake.checks import clean_name
from classifier.intake.quotas import OverQuota
from classifier.intake.submitting import CheckedFile, Refused
from classifier.models import Batch, BatchItem, Image, JobState, State
from classifier.models.batches import LONGEST_NAME
from classifier.models.claims import is_trouble
from classifier.models.trouble import in_words

logger = logging.getLogger(__name__)

LEFT_ALONE = timedelta(minutes=5)
"""After so long without another file the browser that was sending a batch is taken for gone."""


class BatchEnded(Exception):
    """The batch was cancelled or deleted: nothing can be added to it any more."""


def name_for(told: str, count: int = 0) -> str:
    """What the person calls it; else how many pictures, and when."""
    if told.strip():
        return clean_name(told, LONGEST_NAME)
    pictures = f"{count} pictures, " if count else ""
    return f"{pictures}{timezone.localtime():%d %B %Y, %H:%M}".lstrip("0")


def start(owner: User, name: str, consent: bool, expected: int) -> Batch:
    """An empty batch to add files to."""
    return Batch.objects.create(
        owner=owner, by=owner, name=name, consent=consent, expected=expected, state=JobState.DONE
    )


def start_unpacking(owner: User, name: str, consent: bool, archive: "File[bytes]") -> Batch:
    """Keep a zip, which a worker unpacks. Raises DatasetError where there is nothing in it, or too much, and OverQuota
    where the person has no room for it."""
    expected = unpacking.count_files(archive)
    if sentence := quotas.room_of(owner).objection_to_all(expected, archive.size):
        raise OverQuota(sentence, code="quota")
    batch = Batch(owner=owner, by=owner, name=name, consent=consent, expected=expected)
    archive.seek(0)
    batch.save_with_file(batch.archive, "batch.zip", archive)
    wakeups.wake_workers()
    return batch


def add(batch: Batch, files: list[tuple[str, CheckedFile]], refused: list[Refused]) -> str:
    """Take in files of a batch, each with its path, and write down those that can't be. Each file has its own
    transaction, so that whatever happens to one, the others stay. Returns what the machine did not let in, as a
    sentence, "" otherwise. Raises BatchEnded."""
    trouble = ""
    for place, (path, checked) in enumerate(files):
        try:
            _add(batch, path, checked)
        except Exception as error:
            if not is_trouble(error):
                raise
            logger.exception("batch %s: an upload was not stored", batch.pk)
            trouble = submitting.not_stored(error, path, more=place < len(files) - 1)
            why = f"{in_words(error)}; it was not stored. Upload it again."
            refused = [*refused, *(Refused(left, why) for left, _ in files[place:])]
            break
    with transaction.atomic():
        _still_open(batch)
        BatchItem.objects.bulk_create(
            BatchItem(batch=batch, name=one.name[:300], error=one.reason[:400]) for one in refused
        )
    wakeups.wake_workers()
    return trouble


def _add(batch: Batch, path: str, checked: CheckedFile) -> None:
    def list_it(image: Image) -> None:
        state = _still_open(batch)
        BatchItem.objects.create(batch=batch, name=path[:300], image=image)
        if state != image.state:
            Image.objects.filter(pk=image.pk).update(state=state)

    try:
        submission = submitting.submit(batch.owner, checked, batch.consent, list_it, bulk=True)
    except OverQuota as error:
        BatchItem.objects.create(batch=batch, name=path[:300], error=error.sentence[:400])
        return
    if not submission.created:
        with transaction.atomic():
            _still_open(batch)
            BatchItem.objects.create(batch=batch, name=path[:300], image=submission.image, duplicate=True)


def _still_open(batch: Batch) -> State:
    """The state that a new image of the batch has. Locks the batch, so that none slips past a pause or an end."""
    row = Batch.objects.select_for_update().filter(pk=batch.pk).exclude(state=JobState.CANCELLED).first()
    if row is None:
        raise BatchEnded
    return State.PAUSED if row.paused else State.WAITING


def pause(batch: Batch) -> bool:
    """Nothing more of it is unpacked or analysed; what a worker has in hand is finished. False when it has ended."""
    with transaction.atomic():
        changed = _open(batch).update(paused=True)
        # Whoever unpacks it loses the claim, so that no further image comes in; the next worker goes on there.
        Batch.objects.filter(pk=batch.pk, state=JobState.RUNNING).update(state=JobState.WAITING, claim=None, holder="")
        if changed:
            batch.own_images.filter(state=State.WAITING).update(state=State.PAUSED)
    return bool(changed)


def resume(batch: Batch) -> bool:
    with transaction.atomic():
        changed = Batch.objects.filter(pk=batch.pk, paused=True).update(paused=False)
        if changed:
            batch.own_images.filter(state=State.PAUSED).update(state=State.WAITING)
    wakeups.wake_workers()
    return bool(changed)


def cancel(batch: Batch) -> bool:
    """Stop for good: what was judged stays, and so do the other pictures, without a verdict. False when it had ended
    before."""
    with transaction.atomic():
        nobody = {"claim": None, "holder": "", "paused": False, "finished_at": timezone.now()}
        changed = _open(batch).update(state=JobState.CANCELLED, **nobody)
        if changed:
            batch.own_images.filter(state__in=[State.WAITING, State.PAUSED]).update(state=State.CANCELLED)
    if changed:
        _drop_archive(batch)
    return bool(changed)


def _open(batch: Batch) -> QuerySet[Batch]:
    return Batch.objects.filter(pk=batch.pk).exclude(state__in=[JobState.CANCELLED, JobState.FAILED])


def _drop_archive(batch: Batch) -> None:
    if batch.archive:
        batch.archive.delete(save=False)
        Batch.objects.filter(pk=batch.pk).update(archive="")


def delete(batch: Batch, with_images: bool) -> int:
    """Delete a batch, and its images with it where that is wanted; not those that were there before. Returns how many
    images went."""
    with transaction.atomic():
        count = (
            retention.delete_images(Image.objects.filter(pk__in=batch.own_images.values("pk"))) if with_images else 0
        )
        batch.delete()
    return count


def rename(batch: Batch, name: str) -> bool:
    return bool(Batch.objects.filter(pk=batch.pk).update(name=name_for(name)))


def judge_rest(batch: Batch) -> int:
    """Put what failed or was cancelled back into the queue; a cancelled batch is open again. Returns how many."""
    Batch.objects.filter(pk=batch.pk, state=JobState.CANCELLED).update(state=JobState.DONE)
    return submitting.analyse_again(batch.own_images.filter(state__in=[State.FAILED, State.CANCELLED]))


def is_arriving(batch: Batch, received: int) -> bool:
    """Whether further files are expected: from a zip, or from a browser that sent one lately."""
    if batch.is_open:
        return True
    if batch.state != JobState.DONE or received >= batch.expected:
        return False
    last = batch.items.last()
    newest = last.image.created_at if last and last.image else batch.created_at
    return timezone.now() - newest < LEFT_ALONE
