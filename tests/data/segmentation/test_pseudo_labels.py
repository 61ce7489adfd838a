"""The folder of pseudo labels of images."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import pseudo_labels, splits
from mixdmt_tf.data.segmentation.pseudo_labels import PseudoLabels
from tests.data.segmentation.guesses import (
    FACTS,
    IMAGES,
    SPLIT,
    THRESHOLDS,
    guess,
    refused,
    written,
)
from tests.oracles import selection


@pytest.fixture
def folder(tmp_path):
    written(tmp_path / "labels")
    return tmp_path / "labels"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_half_precision_doubt_comes_back_exactly(tmp_path):
    """As a confidence in float32: 1 - doubt without any rounding."""
    numbers = np.arange(0x3C01, dtype=np.uint16).view(np.float16)  # all in [0, 1]
    assert numbers[0] == 0 and numbers[-1] == 1 and len(np.unique(numbers)) == 15361
    doubt = numbers[np.newaxis]
    pseudo_labels.begin(tmp_path, SPLIT, "a")
    pseudo_labels.write_guess(tmp_path, 3, np.zeros(doubt.shape, np.uint8), doubt)
    _, confidence = pseudo_labels.read_guess(tmp_path, 3)
    assert confidence.dtype == np.float32
    np.testing.assert_array_equal(
        confidence.astype(np.float64), 1 - doubt.astype(np.float64)
    )


def test_a_folder_gives_the_guesses_back(folder):
    again = pseudo_labels.read(folder, SPLIT, 3)
    assert again.facts == FACTS and again.content == "content"
    np.testing.assert_array_equal(again.thresholds, THRESHOLDS)
    for sample_id in SPLIT.unlabeled:
        classes, doubt = guess(sample_id)
        got, confidence = pseudo_labels.read_guess(folder, sample_id)
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, classes)
        np.testing.assert_array_equal(confidence, 1 - doubt.astype(np.float32))
    names = {f"{i:06}.npz" for i in SPLIT.unlabeled}
    names |= {"index.json", "teacher.json", "digests.json"}
    assert set(contents(folder)) == names  # nothing hidden, nothing temporary


def test_other_programs_can_read_it(folder):
    with np.load(folder / f"{SPLIT.unlabeled[0]:06}.npz") as file:
        assert set(file) == {"classes", "doubt"}
    note = json.loads((folder / "index.json").read_text())
    assert note["version"] == 1 and note["split"] == SPLIT.digest()
    assert note["thresholds"] == [0.25, 0.5, 0.75]


def test_thresholds_are_applied_to_the_class_that_was_guessed(folder):
    pseudo = pseudo_labels.read(folder, SPLIT, 3)
    kept = 0
    for sample_id in SPLIT.unlabeled:
        labels, confidence = pseudo(sample_id)
        classes, doubt = guess(sample_id)
        scores = 1 - doubt.astype(np.float32)
        expected = selection.threshold_labels(
            classes.ravel().tolist(), scores.ravel().tolist(), THRESHOLDS, 255
        )
        assert labels.dtype == np.uint8 and labels.ravel().tolist() == expected
        np.testing.assert_array_equal(confidence, scores)
        kept += np.count_nonzero(labels != 255)
    assert 0 < kept < labels.size * len(SPLIT.unlabeled)


def test_a_confidence_of_just_the_threshold_is_kept(tmp_path):
    pseudo_labels.begin(tmp_path, SPLIT, "a")
    doubt = np.array([[0.5, np.nextafter(np.float16(0.5), np.float16(1)), 0]], "f2")
    pseudo_labels.write_guess(tmp_path, 3, np.ones((1, 3), np.uint8), doubt)
    labels, _ = PseudoLabels(tmp_path, THRESHOLDS, {}, "")(3)
    assert labels.tolist() == [[1, 255, 1]]


def test_guesses_of_another_teacher_are_removed(folder):
    (folder / "quality.json").write_text("{}")
    before = contents(folder)
    pseudo_labels.begin(folder, SPLIT, "a")
    assert contents(folder) == before
    pseudo_labels.begin(folder, SPLIT, "b")
    kept = {"teacher.json", "quality.json", "digests.json"}
    assert set(contents(folder)) == kept
    assert pseudo_labels.missing(folder, SPLIT) == SPLIT.unlabeled.tolist()


def test_guesses_for_another_split_are_removed(folder):
    other = splits.make_split(IMAGES, "5", 0)
    pseudo_labels.begin(folder, other, "a")
    assert pseudo_labels.missing(folder, other) == other.unlabeled.tolist()


def test_what_is_missing(folder):
    assert pseudo_labels.missing(folder, SPLIT) == []
    assert pseudo_labels.is_whole(folder, SPLIT)
    lost = [int(i) for i in SPLIT.unlabeled[1:3]]
    for sample_id in lost:
        pseudo_labels.path_of(folder, sample_id).unlink()
    assert pseudo_labels.missing(folder, SPLIT) == lost
    assert not pseudo_labels.is_whole(folder, SPLIT)
    said = refused(
        lambda: pseudo_labels.read(folder, SPLIT, 3)(lost[0]),
        pseudo_labels.path_of(folder, lost[0]),
    )
    assert "there is no such file" in said


def test_without_an_index_nothing_is_whole(folder):
    (folder / "index.json").unlink()
    assert pseudo_labels.missing(folder, SPLIT) == []
    assert not pseudo_labels.is_whole(folder, SPLIT)
    said = refused(lambda: pseudo_labels.read(folder, SPLIT, 3), folder)
    assert "there is no index.json" in said
    nowhere = folder / "nowhere"
    assert not pseudo_labels.is_whole(nowhere, SPLIT)
    refused(lambda: pseudo_labels.read(nowhere, SPLIT, 3), nowhere)
    file = pseudo_labels.path_of(folder, SPLIT.unlabeled[0])
    refused(lambda: pseudo_labels.read(file, SPLIT, 3), file)


def test_a_process_killed_between_files_goes_on(folder):
    """With what is missing; the half-written file of the other one is none."""
    whole = contents(folder)
    lost = pseudo_labels.path_of(folder, SPLIT.unlabeled[-1])
    content = lost.read_bytes()
    lost.unlink()
    (folder / "index.json").unlink()
    lost.with_name(f".{lost.name}.99.tmp").write_bytes(content[:9])
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*.npz")}
    pseudo_labels.begin(folder, SPLIT, "a")
    assert pseudo_labels.missing(folder, SPLIT) == [SPLIT.unlabeled[-1]]
    written(folder)
    assert times == {path: path.stat().st_mtime_ns for path in times}
    assert contents(folder) == whole


def test_a_disk_that_fails_leaves_the_old_file(folder, monkeypatch):
    before = contents(folder)

    def fail(*names):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="no space"):
        pseudo_labels.write_guess(folder, SPLIT.unlabeled[0], *guess(77))
    assert contents(folder) == before


def test_the_digest_changes_with_content_and_thresholds(folder):
    pseudo = pseudo_labels.read(folder, SPLIT, 3)
    more = [dataclasses.replace(pseudo, content="other")]
    for place in range(3):
        moved = THRESHOLDS.copy()
        moved[place] = np.nextafter(moved[place], 1)
        more.append(dataclasses.replace(pseudo, thresholds=moved))
    digests = {each.digest() for each in (pseudo, *more)}
    assert len(digests) == 5 and all(len(each) == 64 for each in digests)


def test_the_digest_does_not_change_with_facts_or_place(folder):
    pseudo = pseudo_labels.read(folder, SPLIT, 3)
    moved = dataclasses.replace(pseudo, facts={}, folder=pathlib.Path("elsewhere"))
    assert moved.digest() == pseudo.digest()


def test_a_teacher_without_an_end_is_another_one(folder):
    assert pseudo_labels.begun_by(folder, SPLIT, "a")
    (folder / "teacher.json").unlink()
    (folder / "teacher.json").symlink_to("/dev/zero")
    assert not pseudo_labels.begun_by(folder, SPLIT, "a")
