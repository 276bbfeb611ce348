"""Pictures outside of what was measured."""

import numpy as np
import pytest
from PIL import Image

from classifier.detector.images.suitability import FLATTEST, flat_share, unfit
from tests.pictures import photo


@pytest.mark.parametrize(
    ("picture", "quality", "reason"),
    [
        (photo(300, 200), None, ""),
        (photo(300, 200), 90, ""),
        (photo(300, 63), None, "small"),
        (photo(64, 64), None, ""),
        (photo(300, 200), 29, "compressed"),
        (photo(300, 200), 30, ""),
        (Image.new("RGB", (300, 200)), None, "graphic"),
    ],
)
def test_why_a_picture_gets_no_verdict(picture, quality, reason):
    assert unfit(picture, quality) == reason


def test_the_flat_share_is_that_of_neighbours_exactly_alike():
    half = np.zeros((100, 101, 3), np.uint8)
    half[:, 50:] = np.random.default_rng(0).integers(0, 255, (100, 51, 3))
    assert flat_share(Image.fromarray(half)) == pytest.approx(0.49, abs=0.02)
    assert flat_share(photo(300, 200)) < 0.05 < FLATTEST
