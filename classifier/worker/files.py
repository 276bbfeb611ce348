"""For commands: files looked at, nothing stored. Imports Keras."""

import io
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image as Picture
from PIL import ImageOps

from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import read_rgb
from classifier.detector.images.preprocessing import Pixels
from classifier.detector.serving import bundle, heat_map
from classifier.detector.serving.judgement import judge
from classifier.intake import checks
from classifier.models import Detector
from classifier.results.file_report import Result, Unread
from classifier.worker.analysis import DISPLAY, exceeds
from classifier.worker.examine import Looked, conclude, look
from classifier.worker.loop import load

BATCH = 8
READERS = 2


def classify_files(detector: Detector, paths: Iterable[str]) -> Iterator[Result | Unread]:
    """One result a path, in their order. Files are read beside the network, and a batch of them is shown to it at
    once."""
    loaded = load(detector)
    with ThreadPoolExecutor(READERS) as pool:
        for batch in _batches(paths):
            started = time.perf_counter()
            seen = list(pool.map(lambda path: _seen(path, loaded), batch))
            good = [one for one in seen if not isinstance(one, str)]
            judgements = iter(judge(loaded, [one.views for one in good], [one.looked.unfit for one in good]))
            milliseconds = round((time.perf_counter() - started) * 1000 / len(batch), 1)
            for path, one in zip(batch, seen, strict=True):
                if isinstance(one, str):
                    yield {"path": path, "error": one}
                    continue
                known = conclude(one.looked.evidence, next(judgements))
                yield {
                    "path": path,
                    "verdict": known.outcome,
                    "score": round(known.judgement.score, 6),
                    "detector": detector.version,
                    "milliseconds": milliseconds,
                    "decided_by": known.decided_by,
                    "evidence": [piece.as_dict() for piece in known.evidence],
                }


@dataclass(frozen=True)
class _Seen:
    looked: Looked
    views: Pixels


def _batches(paths: Iterable[str]) -> Iterator[list[str]]:
    """A first one of one file, so that the first answer comes soon."""
    waiting = iter(paths)
    size = 1
    while batch := list(islice(waiting, size)):
        yield batch
        size = BATCH


def _seen(path: str, loaded: bundle.LoadedDetector) -> _Seen | str:
    """A file as the network will see it, or why it can't be read."""
    try:
        looked = look(Path(path).read_bytes())
    except (UnreadableImage, OSError) as error:
        return _reason(error)
    return _Seen(looked, loaded.views(looked.rgb))


def _reason(error: UnreadableImage | OSError) -> str:
    return str(error) if isinstance(error, UnreadableImage) else f"the file can't be read ({error.strerror or error})"


def explain(detector: Detector, path: Path) -> bytes:
    """The picture of a file with the heat of its verdict over it, as PNG."""
    loaded = load(detector)
    rgb = read_rgb(path, checks.limits())
    shown = ImageOps.contain(rgb, DISPLAY) if exceeds(rgb.size, DISPLAY) else rgb
    heat = heat_map.as_png(heat_map.heat_map(loaded, loaded.views(rgb), rgb.size), shown.size)
    buffer = io.BytesIO()
    with Picture.open(io.BytesIO(heat)) as over:
        Picture.alpha_composite(shown.convert("RGBA"), over).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
