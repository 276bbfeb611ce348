"""WORKER ONLY: waiting rows → detector → verdicts, in batches."""

import dataclasses
import io
import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from PIL import Image as Picture
from PIL import ImageOps

from classifier import services
from classifier.detector import bundle, explanation
from classifier.detector.decoding import read_rgb
from classifier.detector.errors import UnreadableImage
from classifier.detector.judgement import judge
from classifier.detector.preprocessing import Pixels
from classifier.models import Detector, Image, State, Verdict, remove_files

logger = logging.getLogger(__name__)

THREADS = 2
THUMBNAIL, DISPLAY = (320, 320), (1600, 1600)
UNEXPECTED = "Something went wrong on our side while reading this picture. Please try again."


@dataclass
class Prepared:
    """A decoded image on its way to the network; seconds are those spent on this image alone."""

    image: Image
    views: Pixels
    thumbnail: bytes
    display: bytes
    seconds: float


def classify_waiting(batch_size: int, budget: float = 60) -> int:
    """Claim and classify batches until no row waits. Returns how many images got a verdict or a reason for none.

    After `budget` seconds it sends a wake-up and returns, so that the task's time limit only ever meets work that is
    stuck, never a long queue.
    """
    count, deadline = 0, time.monotonic() + budget
    while True:
        detector = services.active_detector()
        loaded = _loaded(detector.version, detector.sha256)
        token = uuid.uuid4()
        claimed = list(Image.objects.claim(token, batch_size))
        if not claimed:
            return count
        _classify(claimed, token, detector, loaded)
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
        [said] = judge(loaded, [loaded.views(rgb)])
        yield {
            "path": path,
            "verdict": said.outcome,
            "score": round(said.score, 6),
            "detector": detector.version,
            "milliseconds": round((time.perf_counter() - started) * 1000, 1),
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


def _classify(claimed: list[Image], token: uuid.UUID, detector: Detector, loaded: bundle.LoadedDetector) -> None:
    with ThreadPoolExecutor(THREADS) as pool:  # Pillow lets go of the interpreter while it decodes
        coming = [(image, pool.submit(_prepare, image, loaded)) for image in claimed]
        prepared = [ready for image, future in coming if (ready := _prepared_or_failed(image, token, future))]
    started = time.perf_counter()
    judgements = judge(loaded, [ready.views for ready in prepared])
    forward = (time.perf_counter() - started) / max(1, len(prepared))
    for ready, judged in zip(prepared, judgements, strict=True):
        said = {
            **dataclasses.asdict(judged),
            "milliseconds": max(1, round((ready.seconds + forward) * 1000)),
            "created_at": timezone.now(),
        }
        _store(ready, detector, said, token)
    if prepared:
        logger.info(
            "%d image(s) classified by %s, %.0f ms each in the network", len(prepared), detector, forward * 1000
        )


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
        rgb = read_rgb(file, services.limits())
    display = _jpeg(rgb, DISPLAY, quality=88)
    thumbnail = _jpeg(rgb, THUMBNAIL, quality=80)
    return Prepared(image, loaded.views(rgb), thumbnail, display, time.perf_counter() - started)


def _jpeg(rgb: Picture.Image, box: tuple[int, int], quality: int) -> bytes:
    """A copy without any metadata, no larger than the box. JPEG: 15 times quicker to write than WebP."""
    copy = ImageOps.contain(rgb, box, Picture.Resampling.BILINEAR) if _exceeds(rgb.size, box) else rgb
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=quality, exif=b"", icc_profile=None)
    return buffer.getvalue()


def _exceeds(size: tuple[int, int], box: tuple[int, int]) -> bool:
    return size[0] > box[0] or size[1] > box[1]


def _store(ready: Prepared, detector: Detector, said: dict[str, Any], token: uuid.UUID) -> None:
    """Verdict, copies and `done` in one transaction, if the row is still ours; it may have been deleted meanwhile."""
    image = ready.image
    saved = []
    for field, content in ((image.thumbnail, ready.thumbnail), (image.display, ready.display)):
        field.save(f"derived/{uuid.uuid4()}.jpg", ContentFile(content), save=False)
        saved.append(field)
    with transaction.atomic():
        row = Image.objects.select_for_update().filter(pk=image.pk, claim=token).first()
        if row:
            stale = [(file.storage, file.name) for file in (row.thumbnail, row.display) if file]
            current, _ = Verdict.objects.update_or_create(image=row, detector=detector, defaults=said)
            row.thumbnail, row.display = image.thumbnail, image.display
            row.verdict, row.outcome = current, current.outcome
            row.state, row.claim, row.error = State.DONE, None, ""
            row.save()
    remove_files(stale if row else [(file.storage, file.name) for file in saved])
