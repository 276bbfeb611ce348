"""WORKER ONLY: what is done to one batch of images: read, judge, store, draw."""

import contextlib
import dataclasses
import io
import logging
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.db import DatabaseError, transaction
from django.utils import timezone
from PIL import Image as Picture
from PIL import ImageOps

from aidetect import logs, tally
from classifier.accounts import hooks
from classifier.detector.errors import UnreadableImage
from classifier.detector.images.nearness import dhash
from classifier.detector.images.preprocessing import Pixels
from classifier.detector.serving import bundle, heat_map
from classifier.detector.serving.judgement import Judgement, judge
from classifier.intake import neighbours
from classifier.models import Detector, Event, Image, ImageQuerySet, State, Verdict, findings, remove_files
from classifier.models.claims import is_trouble
from classifier.provenance import c2pa_pictures
from classifier.provenance.evidence import Evidence
from classifier.worker.examine import conclude, look

logger = logging.getLogger(__name__)

THREADS = 2
HEAT = (112, 112)
THUMBNAIL, SCREEN, DISPLAY = (320, 320), (960, 960), (1600, 1600)
LOST = "The stored file of this picture is lost, through no fault of yours. Upload it again, and it is analysed here."
UNEXPECTED = "Something went wrong on our side while reading this picture. Please try again."


@dataclass
class Prepared:
    """A decoded image on its way to the network, with what its file says; seconds are those spent on it alone.
    screen: b"" where it would be no smaller than display."""

    image: Image
    views: Pixels
    size: tuple[int, int]
    unfit: str
    evidence: list[Evidence]
    thumbnail: bytes
    display: bytes
    screen: bytes
    dhash: str
    seconds: float


def analyse(
    claimed: list[Image], token: uuid.UUID, detector: Detector, loaded: bundle.LoadedDetector
) -> list[Prepared]:
    """Returns what got a verdict. Where the machine is in the way, the rows that have none wait again."""
    try:
        return _analyse(claimed, token, detector, loaded)
    except Exception as error:
        if is_trouble(error):
            _give_back(Image.objects.filter(claim=token), claimed, error)
            return []
        raise
    finally:
        tally.flush()


def _analyse(
    claimed: list[Image], token: uuid.UUID, detector: Detector, loaded: bundle.LoadedDetector
) -> list[Prepared]:
    for image in claimed:
        if image.attempts == 1 and not image.verdict_id:
            tally.spent("wait", (timezone.now() - image.created_at).total_seconds())
    with ThreadPoolExecutor(THREADS) as pool:  # Pillow lets go of the interpreter while it decodes
        coming = [(image, pool.submit(prepare, image, loaded)) for image in claimed]
        prepared = [ready for image, future in coming if (ready := _prepared_or_failed(image, token, future))]
    started = time.perf_counter()
    judgements = judge(loaded, [ready.views for ready in prepared], [ready.unfit for ready in prepared])
    forward = (time.perf_counter() - started) / max(1, len(prepared))
    tally.spent("network", forward * len(prepared), len(prepared))
    stored = []
    for ready, judged in zip(prepared, judgements, strict=True):
        with about(ready.image):
            with tally.timed("store"):
                kept = _store(ready, detector, Said(judged, ready.seconds + forward), token)
            if kept:
                stored.append(ready)
                tally.add(f"verdicts:{judged.outcome}")
                figures = ready.seconds * 1000, forward * 1000
                logger.info("%s by %s: %.0f ms to read, %.0f ms in the network", judged.outcome, detector, *figures)
    return stored


def about(image: Image) -> contextlib.AbstractContextManager[None]:
    """Lines of the log written inside are about this image and the request that brought it."""
    return logs.about(request=image.request_id, image=str(image.uuid))


@dataclass(frozen=True)
class Said:
    """What the network says of one image, and how long that took in all."""

    judgement: Judgement
    seconds: float

    @property
    def values(self) -> dict[str, object]:
        """Those of a `Verdict` row."""
        milliseconds = max(1, round(self.seconds * 1000))
        return {**dataclasses.asdict(self.judgement), "milliseconds": milliseconds, "created_at": timezone.now()}


def draw_heat(ready: Prepared, detector: Detector, loaded: bundle.LoadedDetector) -> bool:
    """Draw the heat map of a verdict; nobody waits for it, and without it nothing is missing. False when the machine is
    in the way: `worker.heat` finds what was not drawn."""
    with about(ready.image):
        with tally.timed("heat"):
            drawn = _draw_heat(ready, detector, loaded)
    tally.flush()
    return drawn


def _draw_heat(ready: Prepared, detector: Detector, loaded: bundle.LoadedDetector) -> bool:
    try:
        heat = heat_map.as_png(heat_map.heat_map(loaded, ready.views, ready.size), HEAT)
    except Exception:  # as below: an odd picture must not hold up the others
        logger.exception("no heat map of image %s", ready.image.pk)
        Image.objects.filter(pk=ready.image.pk).update(drawable=False)
        return True
    name = f"derived/{uuid.uuid4()}.png"
    try:
        _keep_heat(ready.image, detector, name, heat)
    except Exception as error:
        if not is_trouble(error):
            raise
        logger.warning("no heat map of image %s, the machine is in the way: %s", ready.image.pk, error)
        with contextlib.suppress(OSError, DatabaseError):
            if not Image.objects.filter(pk=ready.image.pk, heat=name).exists():
                remove_files([(ready.image.heat.storage, name)])
        return False
    return True


def _keep_heat(image: Image, detector: Detector, name: str, heat: bytes) -> None:
    with transaction.atomic():
        row = Image.objects.select_for_update().filter(pk=image.pk, verdict__detector=detector).first()
        if row and not row.is_pending:
            stale = [(row.heat.storage, row.heat.name)] if row.heat else []
            image.heat.save(name, ContentFile(heat), save=False)
            Image.objects.filter(pk=row.pk).update(heat=image.heat.name)
            transaction.on_commit(lambda: remove_files(stale), robust=True)


def _prepared_or_failed(image: Image, token: uuid.UUID, coming: "Future[Prepared]") -> Prepared | None:
    with about(image):
        return _result_of(image, token, coming)


def _result_of(image: Image, token: uuid.UUID, coming: "Future[Prepared]") -> Prepared | None:
    mine = Image.objects.filter(pk=image.pk, claim=token)
    try:
        # Still alive: a batch of huge pictures may outlast one claim, so all of it is renewed.
        Image.objects.filter(claim=token).renew()
        return coming.result()
    except Exception as error:  # the task boundary: one odd file must not hold up the others
        if is_trouble(error):
            _give_back(mine, [image], error)
        else:
            with transaction.atomic():
                if mine.update(state=State.FAILED, claim=None, error=_why_failed(image, error)):
                    hooks.record(Event.FAILED, [Image.objects.get(pk=image.pk)])
    return None


def _why_failed(image: Image, error: Exception) -> str:
    if isinstance(error, UnreadableImage):
        tally.add("failures:unreadable")
        logger.warning("no verdict: %s", error)
        return f"This picture can't be analysed: {error}."
    if isinstance(error, FileNotFoundError):
        tally.add("failures:lost")
        logger.error("no verdict: the file %s is lost", image.original.name)
        return LOST
    tally.add("failures:unexpected")
    logger.error("image %s", image.pk, exc_info=error)
    return UNEXPECTED


def _give_back(rows: ImageQuerySet, images: list[Image], error: Exception) -> None:
    """Those of these images that have no verdict yet."""
    if count := rows.give_back_patiently():
        tally.add("failures:machine", count)
        for image in Image.objects.filter(state=State.WAITING, pk__in=[image.pk for image in images]):
            with about(image):
                logger.warning("it waits with %d in all, the machine is in the way: %s", count, error)


def prepare(image: Image, loaded: bundle.LoadedDetector) -> Prepared:
    with about(image):  # a thread starts with none
        return _prepare(image, loaded)


def _prepare(image: Image, loaded: bundle.LoadedDetector) -> Prepared:
    started = time.perf_counter()
    with image.original.open("rb") as file:
        data = file.read()
    seen = look(data)
    rgb = seen.rgb
    display = _jpeg(rgb, DISPLAY, quality=88)
    thumbnail = _jpeg(rgb, THUMBNAIL, quality=80)
    screen = _jpeg(rgb, SCREEN, quality=80) if exceeds(rgb.size, SCREEN) else b""
    seconds = time.perf_counter() - started
    tally.spent("read", seconds)
    views, hashed = loaded.views(rgb), dhash(rgb)
    evidence = c2pa_pictures.with_pictures(seen.evidence, data, image.format)
    return Prepared(image, views, rgb.size, seen.unfit, evidence, thumbnail, display, screen, hashed, seconds)


def _jpeg(rgb: Picture.Image, box: tuple[int, int], quality: int) -> bytes:
    """A copy without any metadata, no larger than the box. JPEG: 15 times quicker to write than WebP."""
    copy = ImageOps.contain(rgb, box, Picture.Resampling.BILINEAR) if exceeds(rgb.size, box) else rgb
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=quality, exif=b"", icc_profile=None)
    return buffer.getvalue()


def exceeds(size: tuple[int, int], box: tuple[int, int]) -> bool:
    return size[0] > box[0] or size[1] > box[1]


def _store(ready: Prepared, detector: Detector, said: Said, token: uuid.UUID) -> bool:
    """Verdict, evidence, copies and `done` in one transaction, if the row is still ours; it may have been deleted
    meanwhile. Returns whether it was."""
    image = ready.image
    copies = (image.thumbnail, ready.thumbnail), (image.display, ready.display), (image.screen, ready.screen)
    names = [f"derived/{uuid.uuid4()}.jpg" if content else "" for _, content in copies]
    try:
        for name, (field, content) in zip(names, copies, strict=True):
            if content:
                field.save(name, ContentFile(content), save=False)
            else:
                field.name = ""
        row, stale = _conclude(ready, detector, said, token)
    except Exception:
        _drop(image, names)
        raise
    with contextlib.suppress(OSError):
        remove_files(stale if row else [(image.original.storage, name) for name in names])
    return row is not None


def _drop(image: Image, names: list[str]) -> None:
    """Remove copies, written in part maybe, unless the row has them after all: a commit may fail only in its answer."""
    with contextlib.suppress(OSError, DatabaseError):
        if not Image.objects.filter(pk=image.pk, display__in=[name for name in names if name]).exists():
            remove_files((image.original.storage, name) for name in names)


def _conclude(
    ready: Prepared, detector: Detector, said: Said, token: uuid.UUID
) -> tuple[Image | None, list[tuple[Storage, str | None]]]:
    """The row, None when it is no longer ours, and the files that it no longer needs."""
    image = ready.image
    stale: list[tuple[Storage, str | None]] = []
    with transaction.atomic():
        row = Image.objects.select_for_update().filter(pk=image.pk, claim=token).first()
        if row:
            stale = [(file.storage, file.name) for file in row.files[1:] if file]
            row.thumbnail, row.display, row.screen = image.thumbnail, image.display, image.screen
            row.state, row.claim, row.error = State.DONE, None, ""
            row.holder, row.setbacks, row.not_before = "", 0, None
            write(row, ready, detector, said)
            hooks.record(Event.DONE, [row])
    return row, stale


def write(row: Image, ready: Prepared, detector: Detector, said: Said) -> None:
    """Verdict and evidence of a locked row; saves it. Its heat map is no longer true."""
    known = conclude(ready.evidence, said.judgement)
    current, _ = Verdict.objects.update_or_create(image=row, detector=detector, defaults=said.values)
    row.evidence.all().delete()
    findings.Evidence.objects.bulk_create(findings.Evidence(image=row, **piece.as_dict()) for piece in known.evidence)
    if row.dhash != ready.dhash:
        row.dhash = ready.dhash
        neighbours.remember([row])
    row.verdict, row.score = current, current.score
    row.heat, row.drawable = "", True
    row.decided_by = known.decided_by
    before = row.outcome
    row.conclude(known.outcome)
    row.save()
    if before and row.outcome != before:
        hooks.record(Event.CHANGED, [row])
