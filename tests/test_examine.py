"""One way from bytes to a verdict, whoever asks."""

import pytest

from classifier.detector.errors import UnreadableImage
from classifier.detector.labels import INCONCLUSIVE, RECOMPRESSED
from classifier.worker import loop, measuring
from classifier.worker.examine import examine
from classifier.worker.files import classify_files
from tests.pictures import jpeg

pytestmark = pytest.mark.keras


@pytest.fixture
def loaded(tiny):
    from classifier.registry import detectors

    return loop.load(detectors.install_shipped())


def test_a_heavily_compressed_file_gets_no_verdict_whoever_asks(loaded, detector, tmp_path):
    """The gate's regression cases used to ignore the quality of a JPEG, so the gate judged by another rule."""
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(quality=15))
    known = examine(path.read_bytes(), loaded)
    assert (known.outcome, known.judgement.reason) == (INCONCLUSIVE, RECOMPRESSED)
    assert measuring._answer(loaded, str(path)) == known
    assert next(classify_files(detector, [str(path)]))["verdict"] == INCONCLUSIVE


def test_a_file_that_is_no_picture_is_refused(loaded):
    with pytest.raises(UnreadableImage):
        examine(b"no picture", loaded)
