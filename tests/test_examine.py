"""One way from bytes to a verdict, whoever asks."""

import pytest

from classifier.detector.errors import UnreadableImage
from classifier.detector.labels import INCONCLUSIVE, RECOMPRESSED
from classifier.models import Image
from classifier.worker import loop, measuring
from classifier.worker.examine import examine
from classifier.worker.files import classify_files
from tests.pictures import jpeg

pytestmark = pytest.mark.keras


@pytest.fixture
def loaded(tiny):
    from classifier.registry import detectors

    return loop.load(detectors.install_shipped())


def test_a_heavily_compressed_file_gets_no_verdict_whoever_asks(loaded, detector, settings):
    """The gate's regression cases used to ignore the quality of a JPEG, so the gate judged by another rule."""
    path = settings.MEDIA_ROOT / "a.jpg"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(jpeg(quality=15))
    known = examine(path.read_bytes(), loaded)
    assert (known.outcome, known.judgement.reason) == (INCONCLUSIVE, RECOMPRESSED)
    stored = Image(original=str(path.relative_to(settings.MEDIA_ROOT))).original
    assert measuring._answer(loaded, stored) == known
    assert next(classify_files(detector, [str(path)]))["verdict"] == INCONCLUSIVE


def test_a_file_that_is_no_picture_is_refused(loaded):
    with pytest.raises(UnreadableImage):
        examine(b"no picture", loaded)
