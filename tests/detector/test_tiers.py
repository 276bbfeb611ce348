import numpy as np
import pytest

from classifier.detector.measuring.tiers import TIERS
from tests.pictures import photo

PICTURE = photo(256, 200, 1)


def loss(name, longest=1024):
    """Mean absolute change per value, for tiers that keep the size."""
    changed = TIERS[name](PICTURE, longest)
    return np.abs(np.asarray(changed, dtype=int) - np.asarray(PICTURE, dtype=int)).mean()


def test_clean_changes_nothing():
    assert loss("clean") == 0


def test_stronger_compression_loses_more():
    assert 0 < loss("jpeg 90") < loss("jpeg 75") < loss("jpeg 50")
    assert loss("webp 80") > 0 and loss("blur") > 0


@pytest.mark.parametrize(
    ("name", "longest", "width"),
    [
        ("web", 1536, 128),
        ("web", 768, 256),
        ("web", 300, 256),
        ("hard", 1024, 128),
        ("hard", 2560, 51),
        ("screenshot", 9, 192),
    ],
)
def test_a_part_shrinks_as_much_as_its_picture_would(name, longest, width):
    assert TIERS[name](PICTURE, longest).width == width


@pytest.mark.parametrize("name", TIERS)
def test_every_tier_gives_rgb_and_repeats(name):
    first, second = TIERS[name](PICTURE, 2000), TIERS[name](PICTURE, 2000)
    assert first.mode == "RGB" and np.array_equal(np.asarray(first), np.asarray(second))
