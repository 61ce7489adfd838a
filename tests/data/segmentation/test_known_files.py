"""Files are read once, by whichever run comes first, and again when they change."""

import json
import os
import time

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import checking, datasets, known_files
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.splits import make_split
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import cache_folder
from tests.data.segmentation import coco, files


def load(root, dataset="voc"):
    return datasets.load(Config(dataset=dataset, data_dir=str(root)))


@pytest.fixture(autouse=True)
def settled(monkeypatch, tmp_path):
    """Files that were just written count as old ones; the cache is empty."""
    monkeypatch.setattr(known_files, "SETTLED", -(10**9))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def looked_at(monkeypatch):
    """Names of the images that were read."""
    names = []
    look = checking._look

    def called(sample, *args):
        names.append(sample.name)
        return look(sample, *args)

    monkeypatch.setattr(checking, "_look", called)
    return names


def test_the_second_run_reads_nothing(tmp_path, looked_at):
    root = files.voc(tmp_path / "data")
    checking.check(load(root))
    assert sorted(looked_at) == ["a", "b", "c", "v"]
    seen = []
    checking.check(load(root), progress=lambda *counts: seen.append(counts))
    assert len(looked_at) == 4 and not seen


def test_of_another_split_other_labels_are_read(tmp_path, looked_at):
    source = load(files.voc(tmp_path / "data"))
    for labels, total in (("1", 4), ("2", 8), ("1", 8), ("2", 8)):
        checking.check(source, make_split(source, labels, 0))
        assert len(looked_at) == total


CHANGES = {
    "another image": lambda root: files.save(
        root / "JPEGImages" / "a.png", files.photo(seed=9)
    ),
    "another mask": lambda root: files.save(
        root / "SegmentationClass" / "a.png", files.numbers(seed=9), files.PALETTE
    ),
    "another time": lambda root: os.utime(root / "JPEGImages" / "a.png", (1, 1)),
    "one class more": lambda root: (root / "classes.txt").write_text("a\nb\nc\nd\n"),
    "permissions": lambda root: (root / "JPEGImages" / "a.png").chmod(0o640),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_read_again(change, tmp_path, looked_at):
    root = files.voc(tmp_path / "data")
    checking.check(load(root))
    time.sleep(0.02)  # the clock of a file system ticks slowly
    CHANGES[change](root)
    checking.check(load(root))
    assert len(looked_at) == 8


def test_a_file_that_was_just_written_may_change_within_a_tick(
    tmp_path, looked_at, monkeypatch
):
    monkeypatch.setattr(known_files, "SETTLED", 2 * 10**9)
    source = load(files.voc(tmp_path / "data"))
    checking.check(source)
    checking.check(source)
    assert len(looked_at) == 8 and not cache_folder().exists()


def test_what_is_wrong_stays_wrong_until_it_is_repaired(tmp_path, looked_at):
    root = files.voc(tmp_path / "data")
    (root / "JPEGImages" / "b.png").write_bytes(b"")
    errors = []
    for _ in range(2):
        with pytest.raises(UserError) as error:
            checking.check(load(root))
        errors.append(str(error.value))
    assert errors[0] == errors[1] and "b.png" in errors[0]
    first, second = (checking.sound(load(root)).skipped for _ in range(2))
    assert first == second and len(first) == 1
    # The sound images once; the other one each time, since a cause may pass.
    assert len(looked_at) == 4 + 3 and set(looked_at[4:]) == {"b"}
    files.save(root / "JPEGImages" / "b.png", files.photo())
    checking.check(load(root))
    assert len(looked_at) == 7 + 4


def test_outlines_are_known_by_their_file(tmp_path, looked_at):
    root, names = tmp_path / "data", {"train": ["a.png", "b.png"], "val": ["v.png"]}
    for part, members in names.items():
        coco.images(root / part, members)
        content = coco.document(members, coco.everything(members))
        coco.write(root / "annotations" / f"instances_{part}.json", content)
    images = sum(len(members) for members in names.values())
    checking.check(load(root, "coco"))
    checking.check(load(root, "coco"))
    assert len(looked_at) == images
    time.sleep(0.02)
    for path in root.rglob("*.json"):
        path.write_text(path.read_text() + " ")
    checking.check(load(root, "coco"))
    assert len(looked_at) == 2 * images


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "[[null]]",
        "[[1, true]]",
        '[["", 0]]',
        "[3]",
        "[[null, true, 1]]",
    ],
)
def test_a_damaged_note_counts_for_nothing(content, tmp_path, looked_at):
    root = files.voc(tmp_path / "data")
    checking.check(load(root))
    (note,) = cache_folder().iterdir()
    rows = json.loads(note.read_text())
    assert rows == [[None, True]] * 4
    note.write_text(
        content.replace("[[", "[[null, true], [null, true], [null, true], [")
    )
    checking.check(load(root))
    assert len(looked_at) == 8
    assert json.loads(note.read_text()) == rows


def test_where_nothing_can_be_kept_files_are_read_again(tmp_path, looked_at):
    root = files.voc(tmp_path / "data")
    (tmp_path / "cache").write_text("a file in the place of the folder")
    checking.check(load(root))
    checking.check(load(root))
    assert len(looked_at) == 8


def test_images_in_memory_are_in_no_file(looked_at):
    source = files.in_memory(3)
    assert known_files.key(source, [(each, True) for each in source.train]) is None
    checking.check(source)
    checking.check(source)
    assert len(looked_at) == 2 * np.sum([len(part) for _, part in source.parts()])
