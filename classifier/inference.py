"""WORKER ONLY: waiting rows → detector → verdicts, in batches."""

import dataclasses
import io
import logging
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from PIL import Image as Picture
from PIL import ImageOps

from classifier import services
from classifier.detector import bundle, explanation
from classifier.detector.decoding import read_rgb
from classifier.detector.errors import UnreadableImage
from classifier.detector.fitness import unfit
from classifier.detector.judgement import judge
from classifier.detector.manifest import dhash
from classifier.detector.preprocessing import Pixels
from classifier.models import DecidedBy, Detector, Image, State, Verdict, findings, remove_files
from classifier.provenance import rules
from classifier.provenance.evidence import Evidence
from classifier.provenance.inspection import inspect

logger = logging.getLogger(__name__)

THREADS = 2
LATER = 64
"""How many heat maps are drawn, newest first, when no image waits any more."""
HEAT = (112, 112)
THUMBNAIL, DISPLAY = (320, 320), (1600, 1600)
UNEXPECTED = "Something went wrong on our side while reading this picture. Please try again."


@dataclass
class Prepared:
    """A decoded image on its way to the network, with what its file says; seconds are those spent on it alone."""

    image: Image
    views: Pixels
    size: tuple[int, int]
    unfit: str
    evidence: list[Evidence]
    thumbnail: bytes
    display: bytes
    dhash: str
    seconds: float


def classify_waiting(batch_size: int, budget: float = 60) -> int:
    """Claim and classify batches until no row waits. Returns how many images got a verdict or a reason for none.

    After `budget` seconds it sends a wake-up and returns, so that the task's time limit only ever meets work that is
    stuck, never a long queue.
    """
    count, deadline = 0, time.monotonic() + budget
    fresh: deque[Prepared] = deque(maxlen=LATER)
    while True:
        detector = services.active_detector()
        loaded = _loaded(detector.version, detector.sha256)
        token = uuid.uuid4()
        claimed = list(Image.objects.claim(token, batch_size))
        if not claimed and fresh:
            _explain(fresh.pop(), detector, loaded)
            continue
        if not claimed:
            return count
        fresh += _classify(claimed, token, detector, loaded)
        count += len(claimed)
        if time.monotonic() > deadline:
            services.wake_workers()
            return count


def classify_files(detector: Detector, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """For commands: one result a path, nothing stored. The keys are a contract that other programs rely on."""
    loaded = _loaded(detector.version, detector.sha256)
    for path in paths:
        started = time.perf_counter()
        try:
            rgb = read_rgb(Path(path), services.limits())
        except UnreadableImage as error:
            yield {"path": path, "error": str(error)}
            continue
        evidence = inspect(Path(path).read_bytes(), settings.TRUST_LIST)
        [said] = judge(loaded, [loaded.views(rgb)], [unfit(rgb, _quality(evidence))])
        deciding = rules.deciding(evidence)
        yield {
            "path": path,
            "verdict": rules.decide(evidence) or said.outcome,
            "score": round(said.score, 6),
            "detector": detector.version,
            "milliseconds": round((time.perf_counter() - started) * 1000, 1),
            "decided_by": deciding.kind if deciding else DecidedBy.NETWORK.value,
            "evidence": [piece.as_dict() for piece in evidence],
        }


def explain(detector: Detector, path: Path) -> bytes:
    """For commands: the picture of a file with the heat of its verdict over it, as PNG."""
    loaded = _loaded(detector.version, detector.sha256)
    rgb = read_rgb(path, services.limits())
    shown = ImageOps.contain(rgb, DISPLAY) if _exceeds(rgb.size, DISPLAY) else rgb
    heat = explanation.as_png(explanation.heat_map(loaded, loaded.views(rgb), rgb.size), shown.size)
    buffer = io.BytesIO()
    with Picture.open(io.BytesIO(heat)) as over:
        Picture.alpha_composite(shown.convert("RGBA"), over).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _loaded(version: str, sha256: str) -> bundle.LoadedDetector:
    """One detector a process; the digest in the key loads it anew when the row changes."""
    return bundle.load(Detector.objects.get(version=version).folder)


def _classify(
    claimed: list[Image], token: uuid.UUID, detector: Detector, loaded: bundle.LoadedDetector
) -> list[Prepared]:
    """Returns what got a verdict."""
    with ThreadPoolExecutor(THREADS) as pool:  # Pillow lets go of the interpreter while it decodes
        coming = [(image, pool.submit(_prepare, image, loaded)) for image in claimed]
        prepared = [ready for image, future in coming if (ready := _prepared_or_failed(image, token, future))]
    started = time.perf_counter()
    judgements = judge(loaded, [ready.views for ready in prepared], [ready.unfit for ready in prepared])
    forward = (time.perf_counter() - started) / max(1, len(prepared))
    stored = []
    for ready, judged in zip(prepared, judgements, strict=True):
        said = {
            **dataclasses.asdict(judged),
            "milliseconds": max(1, round((ready.seconds + forward) * 1000)),
            "created_at": timezone.now(),
        }
        if _store(ready, detector, said, token):
            stored.append(ready)
    if prepared:
        logger.info(
            "%d image(s) classified by %s, %.0f ms each in the network", len(prepared), detector, forward * 1000
        )
    return stored


def _explain(ready: Prepared, detector: Detector, loaded: bundle.LoadedDetector) -> None:
    """Draw the heat map of a verdict that was just given; nobody waits for it, and without it nothing is missing."""
    try:
        heat = explanation.as_png(explanation.heat_map(loaded, ready.views, ready.size), HEAT)
    except Exception:  # as below: an odd picture must not hold up the others
        logger.exception("no heat map of image %s", ready.image.pk)
        return
    field = ready.image.heat
    with transaction.atomic():
        row = Image.objects.select_for_update().filter(pk=ready.image.pk, verdict__detector=detector).first()
        if row and not row.is_pending:
            stale = [(row.heat.storage, row.heat.name)] if row.heat else []
            field.save(f"derived/{uuid.uuid4()}.png", ContentFile(heat), save=False)
            Image.objects.filter(pk=row.pk).update(heat=field.name)
            transaction.on_commit(lambda: remove_files(stale), robust=True)


def _prepared_or_failed(image: Image, token: uuid.UUID, coming: "Future[Prepared]") -> Prepared | None:
    mine = Image.objects.filter(pk=image.pk, claim=token)
    try:
        # Still alive: a batch of huge pictures may outlast one claim, so all of it is renewed.
        Image.objects.filter(claim=token).update(claimed_at=timezone.now())
        return coming.result()
    except (UnreadableImage, FileNotFoundError) as error:
        reason = str(error) if isinstance(error, UnreadableImage) else "the stored file is missing"
        mine.update(state=State.FAILED, claim=None, error=f"This picture can't be analysed: {reason}.")
    except Exception:  # the task boundary: one odd file must not hold up the others
        logger.exception("image %s", image.pk)
        mine.update(state=State.FAILED, claim=None, error=UNEXPECTED)
    return None


def _prepare(image: Image, loaded: bundle.LoadedDetector) -> Prepared:
    started = time.perf_counter()
    with image.original.open("rb") as file:
        data = file.read()
    rgb = read_rgb(data, services.limits())
    evidence = inspect(data, settings.TRUST_LIST)
    why_not = unfit(rgb, _quality(evidence))
    display = _jpeg(rgb, DISPLAY, quality=88)
    thumbnail = _jpeg(rgb, THUMBNAIL, quality=80)
    seconds = time.perf_counter() - started
    return Prepared(image, loaded.views(rgb), rgb.size, why_not, evidence, thumbnail, display, dhash(rgb), seconds)


def _quality(evidence: Iterable[Evidence]) -> int | None:
    return next((piece.details["quality"] for piece in evidence if piece.kind == "jpeg"), None)


def _jpeg(rgb: Picture.Image, box: tuple[int, int], quality: int) -> bytes:
    """A copy without any metadata, no larger than the box. JPEG: 15 times quicker to write than WebP."""
    copy = ImageOps.contain(rgb, box, Picture.Resampling.BILINEAR) if _exceeds(rgb.size, box) else rgb
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=quality, exif=b"", icc_profile=None)
    return buffer.getvalue()


def _exceeds(size: tuple[int, int], box: tuple[int, int]) -> bool:
    return size[0] > box[0] or size[1] > box[1]


def _store(ready: Prepared, detector: Detector, said: dict[str, Any], token: uuid.UUID) -> bool:
    """Verdict, evidence, copies and `done` in one transaction, if the row is still ours; it may have been deleted
    meanwhile. Returns whether it was."""
    image = ready.image
    saved = []
    for field, content in ((image.thumbnail, ready.thumbnail), (image.display, ready.display)):
        field.save(f"derived/{uuid.uuid4()}.jpg", ContentFile(content), save=False)
        saved.append(field)
    with transaction.atomic():
        row = Image.objects.select_for_update().filter(pk=image.pk, claim=token).first()
        if row:
            stale = [(file.storage, file.name) for file in (row.thumbnail, row.display, row.heat) if file]
            current, _ = Verdict.objects.update_or_create(image=row, detector=detector, defaults=said)
            row.evidence.all().delete()
            findings.Evidence.objects.bulk_create(
                findings.Evidence(image=row, **piece.as_dict()) for piece in ready.evidence
            )
            deciding = rules.deciding(ready.evidence)
            row.thumbnail, row.display, row.heat = image.thumbnail, image.display, ""
            row.verdict, row.score, row.dhash = current, current.score, ready.dhash
            row.decided_by = deciding.kind if deciding else DecidedBy.NETWORK
            row.conclude(rules.decide(ready.evidence) or current.outcome)
            row.state, row.claim, row.error = State.DONE, None, ""
            row.save()
    remove_files(stale if row else [(file.storage, file.name) for file in saved])
    return row is not None
