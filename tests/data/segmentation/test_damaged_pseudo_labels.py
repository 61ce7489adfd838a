"""Pseudo labels of images that are damaged, or those of somebody else."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from mixdmt_tf import digests
from mixdmt_tf.data.segmentation import pseudo_labels, splits
from mixdmt_tf.errors import UserError
from tests.data.segmentation.guesses import IMAGES, SPLIT, guess, refused, written


@pytest.fixture
def folder(tmp_path):
    written(tmp_path / "labels")
    return tmp_path / "labels"


def damaged(path, changed):
    """What is said of a guess when its file has other content."""
    path.write_bytes(changed)
    sample_id = int(path.stem)
    return refused(lambda: pseudo_labels.read_guess(path.parent, sample_id), path)


def test_one_wrong_byte_in_a_guess(folder):
    """Wherever it is: refused, or a byte that says nothing of the labels."""
    sample_id = int(SPLIT.unlabeled[0])
    path = pseudo_labels.path_of(folder, sample_id)
    content, expected = path.read_bytes(), guess(sample_id)
    refusals = 0
    for place in range(0, len(content), 2):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        try:
            classes, confidence = pseudo_labels.read_guess(folder, sample_id)
        except UserError as error:
            assert str(path) in str(error)
            refusals += 1
        else:
            np.testing.assert_array_equal(classes, expected[0])
            doubt = expected[1].astype(np.float32)
            np.testing.assert_array_equal(confidence, 1 - doubt)
    assert refusals > 0.6 * len(content) / 2


def test_one_wrong_byte_in_the_index(folder):
    path = folder / "index.json"
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        refused(lambda: pseudo_labels.read(folder, SPLIT, 3), path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_files_that_were_cut(folder, share):
    path = pseudo_labels.path_of(folder, SPLIT.unlabeled[0])
    content = path.read_bytes()
    assert "damaged" in damaged(path, content[: int(share * len(content))])
    index = folder / "index.json"
    index.write_bytes(index.read_bytes()[: int(share * index.stat().st_size)])
    said = refused(lambda: pseudo_labels.read(folder, SPLIT, 3), index)
    assert "damaged" in said


CLASSES, DOUBT = guess(5)


def one_array():
    buffer = io.BytesIO()
    np.save(buffer, CLASSES)
    return buffer.getvalue()


def arrays(**changes):
    """Bytes of a guess with other arrays."""
    fields = {"classes": CLASSES, "doubt": DOUBT, **changes}
    buffer = io.BytesIO()
    known = {name: value for name, value in fields.items() if value is not None}
    np.savez_compressed(buffer, **known)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        arrays(doubt=None),
        arrays(classes=None),
        arrays(doubt=DOUBT.astype(np.float32)),
        arrays(classes=CLASSES.astype(np.int64)),
        arrays(doubt=DOUBT[:-1]),
        arrays(classes=CLASSES[0], doubt=DOUBT[0]),
        arrays(classes=CLASSES.astype(object)),
        arrays(doubt=np.full_like(DOUBT, np.nan)),
        arrays(doubt=DOUBT - np.float16(1.5)),
        arrays(doubt=DOUBT + np.float16(1)),
        one_array(),
        b"{}",
    ],
)
def test_other_arrays(folder, content):
    path = pseudo_labels.path_of(folder, SPLIT.unlabeled[0])
    assert "damaged or holds no pseudo labels" in damaged(path, content)


def test_a_guess_of_a_class_that_is_none(folder):
    sample_id = int(SPLIT.unlabeled[0])
    pseudo = pseudo_labels.read(folder, SPLIT, 3)
    pseudo_labels.write_guess(folder, sample_id, np.full_like(CLASSES, 3), DOUBT)
    path = pseudo_labels.path_of(folder, sample_id)
    assert "3" in refused(lambda: pseudo(sample_id), path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2"),
        ({"split": None}, "another split"),
        ({"thresholds": ["a", "b", "c"]}, "damaged"),
        ({"thresholds": {"a": 1}}, "damaged"),
    ],
)
def test_another_note(folder, change, message):
    path = folder / "index.json"
    digests.write(path, json.dumps({**json.loads(path.read_text()), **change}))
    assert message in refused(lambda: pseudo_labels.read(folder, SPLIT, 3), folder)


@pytest.mark.parametrize("name", ["version", "thresholds", "facts", "content", "split"])
def test_a_note_that_lacks_something(folder, name):
    path = folder / "index.json"
    note = json.loads(path.read_text())
    del note[name]
    digests.write(path, json.dumps(note))
    assert name in refused(lambda: pseudo_labels.read(folder, SPLIT, 3), path)


@pytest.mark.parametrize("content", ["[]", "null", "{", "3"])
def test_a_note_that_is_none(folder, content):
    path = folder / "index.json"
    digests.write(path, content)
    assert "damaged" in refused(lambda: pseudo_labels.read(folder, SPLIT, 3), path)


def test_another_split_and_other_classes(folder):
    other = splits.make_split(IMAGES, "4", 1)
    said = refused(lambda: pseudo_labels.read(folder, other, 3), folder)
    assert "another split" in said and "--split=RUN/split.json" in said
    said = refused(lambda: pseudo_labels.read(folder, SPLIT, 4), folder)
    assert "has 3 classes; expected 4" in said
