import numpy as np
import pytest

from classifier.detector.data import manifest
from classifier.detector.data.manifest import Row
from classifier.detector.images.quality import FileFacts, describe
from classifier.detector.measuring import shortcuts
from tests.pictures import encoded, jpeg, photo


def rows(count=200, **columns):
    """Alternating labels; each column is a function of (target, random generator)."""
    rng = np.random.default_rng(0)
    return [
        Row(
            str(n),
            ("FAKE", "REAL")[n % 2],
            f"s{n % 3}",
            **{name: make(n % 2, rng) for name, make in columns.items()},
        )
        for n in range(count)
    ]


def found(some, feature, source=""):
    return next(f.auc for f in shortcuts.findings(some) if (f.feature, f.source) == (feature, source))


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90, 95, 100])
def test_the_quality_that_a_jpeg_was_saved_with_is_found(quality):
    assert describe(jpeg(quality=quality)).quality == quality


def test_a_file_is_described_without_its_pixels():
    assert describe(encoded(photo(50, 40), "PNG")) == FileFacts("PNG", 50, 40, quality=0)


def test_a_planted_shortcut_is_found_and_an_honest_feature_is_not():
    some = rows(
        format=lambda target, rng: ("PNG", "JPEG")[target],
        width=lambda target, rng: 1024 - 100 * target + rng.integers(50),
        height=lambda target, rng: rng.integers(100, 1000),
    )
    assert found(some, "format") == found(some, "width") == 1.0
    assert found(some, "height") < 0.6
    assert found(some, "width", "s1") == 1.0


def test_sources_with_one_class_are_left_out_but_counted_as_a_shortcut():
    some = [Row(str(n), ("FAKE", "REAL")[n % 2], ("ai", "camera")[n % 2], width=9, height=9) for n in range(20)]
    assert {f.source for f in shortcuts.findings(some)} == {""}
    assert shortcuts.source_alone(some) == 1.0


def test_contradictory_groups_are_named():
    some = [Row("a", "REAL", "s", group="g"), Row("b", "FAKE", "s", group="g"), Row("c", "FAKE", "s", group="h")]
    assert manifest.contradictions(some) == ["g"]


def test_the_import_fills_in_what_the_audit_needs(tmp_path):
    for name, content in {"REAL/a.jpg": jpeg(1, quality=80), "FAKE/b.png": encoded(photo(seed=2), "PNG")}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    by_format = {row.format: row for row in manifest.import_folder(tmp_path)[0]}
    assert (by_format["JPEG"].quality, by_format["JPEG"].width) == (80, 96)
    assert by_format["PNG"].bytes == (tmp_path / "FAKE/b.png").stat().st_size
