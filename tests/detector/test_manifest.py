import numpy as np
import pytest

from classifier.detector.data import manifest
from classifier.detector.data.manifest import Row
from classifier.detector.errors import DatasetError
from tests.pictures import encoded, jpeg, photo


def folder_with(tmp_path, **files):
    for name, content in files.items():
        path = tmp_path / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def rows(count, **changes):
    hashes = np.random.default_rng(0).bytes(8 * count).hex()
    return [
        Row(
            f"{n}.jpg",
            ("FAKE", "REAL")[n % 2],
            f"source{n % 5}",
            sha256=f"{n:016x}" * 4,
            dhash=hashes[16 * n :][:16],
            **changes,
        )
        for n in range(count)
    ]


def test_folders_at_any_depth_give_label_and_source(tmp_path):
    folder_with(
        tmp_path, **{"a__REAL__nikon__1.jpg": jpeg(1), "FAKE__2.png": encoded(photo(seed=2), "PNG"), "notes.txt": b"x"}
    )
    found, complaints = manifest.import_folder(tmp_path)
    assert sorted((row.label, row.source) for row in found) == [("FAKE", tmp_path.name), ("REAL", "nikon")]
    assert not complaints and all(row.sha256 and row.dhash and row.group for row in found)


def test_unreadable_and_doubled_files_are_listed_and_left_out(tmp_path):
    folder_with(
        tmp_path, REAL__1=jpeg(1), REAL__copy=jpeg(1), FAKE__2=jpeg(2), FAKE__bad=b"x", FAKE__3=jpeg(3), REAL__3=jpeg(3)
    )
    found, complaints = manifest.import_folder(tmp_path)
    assert sorted(row.label for row in found) == ["FAKE", "REAL"]
    assert len(complaints) == 2
    assert "bad: it is not an image" in complaints[0] and "neither is used" in complaints[1]


def test_a_table_gives_sources_and_kinds(tmp_path):
    folder_with(tmp_path, x=jpeg(1), y=jpeg(2))
    table = tmp_path / "t.csv"
    table.write_text("crop,label,source,kind\nx,REAL,one,photo\ny,FAKE,two,art\n")
    found, _ = manifest.import_folder(tmp_path, table)
    assert [(row.source, row.kind) for row in found] == [("one", "photo"), ("two", "art")]


def test_a_table_may_tell_of_the_original_file_and_is_refused_when_a_number_is_none(tmp_path):
    folder_with(tmp_path, x=jpeg(1), y=jpeg(2))
    table = tmp_path / "t.csv"
    columns = "crop,label,source,original_format,original_width,original_height,jpeg_quality\n"
    table.write_text(f"{columns}x,REAL,one,JPEG,4000,3000.0,90\ny,FAKE,two,PNG,512,512,\n")
    found, _ = manifest.import_folder(tmp_path, table)
    assert [(row.format, row.longest, row.quality) for row in found] == [("JPEG", 4000, 90), ("PNG", 512, 0)]
    table.write_text(f"{columns}x,REAL,one,JPEG,wide,3000,90\n")
    with pytest.raises(DatasetError, match="expected a number as original_width; received 'wide'"):
        manifest.import_folder(tmp_path, table)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "found none"),
        ({"REAL__1": jpeg(1)}, "found no FAKE"),
        ({"FAKE__1": jpeg(1)}, "found no REAL"),
        ({"1": jpeg()}, "found none"),
    ],
)
def test_an_empty_or_one_class_folder_is_explained(tmp_path, files, expected):
    with pytest.raises(DatasetError, match=expected):
        manifest.import_folder(folder_with(tmp_path, **files))


def test_near_duplicates_share_a_group_and_others_do_not(tmp_path):
    original = photo(200, 160, seed=4)
    folder_with(
        tmp_path,
        REAL__a=encoded(original, quality=95),
        REAL__b=encoded(original.resize((100, 80)), quality=60),
        FAKE__c=jpeg(9),
    )
    found, _ = manifest.import_folder(tmp_path)
    groups = {row.path.rsplit("/", 1)[-1]: row.group for row in found}
    assert groups["a"] == groups["b"] != groups["c"]


def test_every_pair_within_four_bits_is_found():
    base = 0x0F0F_3C3C_5A5A_9999
    pairs = [0b1111, (1 << 0) | (1 << 14) | (1 << 28) | (1 << 50), (1 << 63) | (1 << 40), 0]
    for flips in pairs:
        two = [
            Row("a", "REAL", "s", sha256="a" * 64, dhash=f"{base:016x}"),
            Row("b", "FAKE", "s", sha256="b" * 64, dhash=f"{base ^ flips:016x}"),
        ]
        grouped = manifest.group_near_duplicates(two)
        assert grouped[0].group == grouped[1].group, bin(flips)
    far = manifest.group_near_duplicates(
        [two[0], Row("c", "FAKE", "s", sha256="c" * 64, dhash=f"{base ^ 0b11111:016x}")]
    )
    assert far[0].group != far[1].group


def test_whole_sources_are_held_out():
    placed = manifest.split(manifest.group_near_duplicates(rows(50)), ["source1"], ["source2"])
    by_source = {
        source: {row.split for row in placed if row.source == source} for source in ("source0", "source1", "source2")
    }
    assert by_source == {"source0": {"train"}, "source1": {"validation"}, "source2": {"test"}}


def test_a_near_duplicate_of_a_test_image_leaves_the_training_set():
    two = [Row("a", "REAL", "one", group="g"), Row("b", "REAL", "two", group="g"), Row("c", "FAKE", "one", group="h")]
    placed = manifest.split_by_source(two, [], ["two"])
    assert [(row.path, row.split) for row in placed] == [("b", "test"), ("c", "train")]
    assert not manifest.leaks(placed)


def test_a_planted_leak_is_found():
    leaky = [Row("a", "REAL", "s", group="g", split="train"), Row("b", "REAL", "s", group="g", split="test")]
    assert manifest.leaks(leaky) == ["g"]


def test_a_split_by_group_keeps_groups_together_and_both_classes_everywhere():
    grouped = [Row(str(n), ("FAKE", "REAL")[n % 2], "s", sha256=str(n), group=f"{n // 4}-{n % 2}") for n in range(400)]
    placed = manifest.split(grouped, [], [], seed=1)
    assert not manifest.leaks(placed)
    for name in manifest.SPLITS:
        assert {row.label for row in placed if row.split == name} == {"REAL", "FAKE"}
    share = sum(row.split == "test" for row in placed) / len(placed)
    assert 0.1 < share < 0.2
    assert manifest.split(grouped, [], [], seed=1) == placed != manifest.split(grouped, [], [], seed=2)


def test_an_unknown_source_is_refused():
    with pytest.raises(DatasetError, match="nowhere"):
        manifest.split(rows(10), [], ["nowhere"])


def test_the_digest_depends_on_content_label_and_split_alone():
    some = rows(6, split="train")
    moved = [Row(**{**vars(row), "path": "elsewhere/" + row.path}) for row in reversed(some)]
    assert manifest.digest(some) == manifest.digest(moved)
    assert manifest.digest(some) != manifest.digest([Row(**{**vars(row), "split": "test"}) for row in some])


def test_numbers_are_parsed_when_a_manifest_is_read_and_what_is_unknown_stays_empty_in_it(tmp_path):
    known = Row("a.jpg", "REAL", "one", width=640, height=480, bytes=9)
    manifest.write([known, Row("b.jpg", "FAKE", "two")], tmp_path / "m.csv")
    text = (tmp_path / "m.csv").read_text()
    assert ",640,480,9,\n" in text and ",,,,\n" in text
    assert manifest.read(tmp_path / "m.csv")[0] == known
    (tmp_path / "m.csv").write_text(text.replace("640", "wide"))
    with pytest.raises(DatasetError, match="is not a manifest of aidetect"):
        manifest.read(tmp_path / "m.csv")


def test_write_and_read_back(tmp_path):
    some = rows(5, split="train")
    manifest.write(some, tmp_path / "deep" / "m.csv")
    assert manifest.read(tmp_path / "deep" / "m.csv") == some
    with pytest.raises(DatasetError, match="import_dataset"):
        manifest.read(tmp_path / "missing.csv")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="not a manifest"):
        manifest.read(tmp_path / "odd.csv")
