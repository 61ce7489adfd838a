"""The file of pseudo labels."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest

from mixdmt_tf.data.classification import pseudo_labels, splits
from mixdmt_tf.errors import UserError
from tests.data.classification import guesses, made_up

SOURCE = made_up.source()
SPLIT = splits.make_split(SOURCE, 18, 9, seed=0)
ARRAYS = ("ids", "labels", "confidence", "kept")


@pytest.fixture
def path(tmp_path):
    """Of a file that was written."""
    pseudo_labels.write(tmp_path / "pseudo_labels.npz", guesses.of(SPLIT), SPLIT)
    return tmp_path / "pseudo_labels.npz"


def refusal(path, split=SPLIT, classes=3):
    """The message with which a file is refused: few lines that name it."""
    with pytest.raises(UserError) as caught:
        pseudo_labels.read(path, split, classes)
    message = str(caught.value)
    assert str(path) in message and 1 <= len(message.splitlines()) <= 3
    assert max(map(len, message.splitlines())) < 200 + len(str(path))
    return message


def test_a_file_gives_the_labels_back(path):
    pseudo = guesses.of(SPLIT)
    again = pseudo_labels.read(path, SPLIT, 3)
    for name in ARRAYS:
        before, after = getattr(pseudo, name), getattr(again, name)
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype
    assert again.facts == pseudo.facts == {"fraction": 0.2, "weights": "ema"}
    assert again.digest() == pseudo.digest()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_other_programs_can_read_it(path):
    with np.load(path) as file:
        assert set(file) == {"note", *ARRAYS}
        note = json.loads(str(file["note"]))
    assert note["version"] == 1 and note["split"] == SPLIT.digest()


def test_a_write_that_fails_leaves_the_old_file(path):
    before = path.read_bytes()
    broken = dataclasses.replace(guesses.of(SPLIT), facts={"step": object()})
    with pytest.raises(TypeError):
        pseudo_labels.write(path, broken, SPLIT)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_fails_leaves_the_old_file(path, monkeypatch):
    """Neither half a file nor a temporary one."""
    before = path.read_bytes()

    def fail(*names):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="no space"):
        pseudo_labels.write(path, guesses.of(SPLIT, kept=3), SPLIT)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_one_wrong_byte(path):
    """Wherever it is: refused, or a byte that says nothing of the labels."""
    content, digest = path.read_bytes(), guesses.of(SPLIT).digest()
    refused = 0
    for place in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert pseudo_labels.read(path, SPLIT, 3).digest() == digest
        except UserError as error:
            assert len(str(error).splitlines()) <= 3
            refused += 1
    assert refused > 0.6 * len(content) / 3


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_was_cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"{}", b"\x80\x04]\x94.", b"\n"])
def test_something_else(path, content):
    path.write_bytes(content)
    assert "no file of pseudo labels" in refusal(path)


def test_a_lone_array_and_a_folder(path):
    with path.open("wb") as file:
        np.save(file, np.arange(3))
    assert "no file of pseudo labels" in refusal(path)
    assert "no file of pseudo labels" in refusal(path.parent)


def test_a_missing_file(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "nowhere.npz")


def rewrite(path, without=None, **changes):
    """The file with other arrays or another note."""
    with np.load(path) as file:
        fields = {name: file[name] for name in file}
    fields.update(changes)
    fields.pop(without, None)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **fields)
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize("name", ["note", *ARRAYS])
def test_a_file_that_lacks_something(path, name):
    rewrite(path, without=name)
    assert name in refusal(path)


@pytest.mark.parametrize(
    ("note", "message"),
    [
        ('{"version": 2, "split": "", "facts": {}}', "version 2"),
        ('{"version": 1, "facts": {}}', "split"),
        ('{"version": 1, "split": ""}', "facts"),
        ("[]", "damaged"),
        ("null", "damaged"),
        ("{", "damaged"),
    ],
)
def test_another_note(path, note, message):
    rewrite(path, note=np.array(note))
    assert message in refusal(path)


def test_arrays_of_another_kind_in_the_file(path):
    rewrite(path, labels=np.zeros(len(SPLIT.unlabeled), np.int64))
    assert "labels: expected int32" in refusal(path)


def test_labels_of_another_split(path):
    other = splits.make_split(SOURCE, 18, 9, seed=1)
    assert len(other.unlabeled) == len(SPLIT.unlabeled)
    assert "belongs to another split" in refusal(path, other)
    # Whoever wrote the digest by hand has not yet made the labels fit.
    rewrite(path, ids=other.unlabeled)
    assert "belongs to another split" in refusal(path)


@pytest.mark.parametrize("wrong", [3, -1])
def test_labels_that_are_no_class(path, wrong):
    labels = guesses.of(SPLIT).labels.copy()
    labels[5] = wrong
    pseudo_labels.write(path, guesses.of(SPLIT, labels=labels), SPLIT)
    assert "expected 0 to 2" in refusal(path)
    if wrong == 3:
        assert pseudo_labels.read(path, SPLIT, 4).labels[5] == 3


def test_labels_of_which_none_is_kept(path):
    pseudo_labels.write(path, guesses.of(SPLIT, kept=0), SPLIT)
    assert "keeps none" in refusal(path)


CHANGES = {
    "ids": SPLIT.unlabeled + 1,
    "labels": guesses.of(SPLIT).labels ^ 1,
    "confidence": np.nextafter(guesses.of(SPLIT).confidence, np.float32(1)),
    "kept": ~guesses.of(SPLIT).kept,
}


@pytest.mark.parametrize("name", ARRAYS)
def test_the_digest_changes_with_each_array(name):
    pseudo = guesses.of(SPLIT)
    whole = CHANGES[name]
    single = getattr(pseudo, name).copy()
    single[-1] = whole[-1]
    digests = {
        dataclasses.replace(pseudo, **{name: values}).digest()
        for values in (getattr(pseudo, name), whole, single)
    }
    assert len(digests) == 3 and all(len(each) == 64 for each in digests)


def test_the_digest_does_not_change_with_facts_or_memory():
    pseudo = guesses.of(SPLIT)
    other = guesses.of(SPLIT, facts={})
    strided = np.repeat(pseudo.confidence, 2)[::2]
    assert other.digest() == pseudo.digest()
    assert guesses.of(SPLIT, confidence=strided).digest() == pseudo.digest()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ids", SPLIT.unlabeled.astype(np.int32)),
        ("labels", np.zeros(len(SPLIT.unlabeled), np.int64)),
        ("labels", np.zeros(len(SPLIT.unlabeled) - 1, np.int32)),
        ("confidence", np.zeros(len(SPLIT.unlabeled), np.float64)),
        ("confidence", np.zeros([len(SPLIT.unlabeled), 3], np.float32)),
        ("kept", np.zeros(len(SPLIT.unlabeled), np.int8)),
    ],
)
def test_arrays_of_another_kind_are_refused(name, wrong):
    with pytest.raises(ValueError, match=rf"{name}: expected .*, got {wrong.dtype}"):
        dataclasses.replace(guesses.of(SPLIT), **{name: wrong})


def test_weights_of_classes_are_kept_and_belong_to_the_digest(path):
    plain = guesses.of(SPLIT)
    weights = np.array([0.5, 1.0, 1.5], np.float32)
    pseudo = dataclasses.replace(plain, class_weights=weights)
    pseudo_labels.write(path, pseudo, SPLIT)
    again = pseudo_labels.read(path, SPLIT, 3)
    np.testing.assert_array_equal(again.class_weights, weights)
    assert again.digest() == pseudo.digest() != plain.digest()
    np.testing.assert_array_equal(plain.row_weights(), 1)
    short = dataclasses.replace(plain, class_weights=weights[:2])
    short = dataclasses.replace(short, labels=np.minimum(short.labels, 1))
    pseudo_labels.write(path, short, SPLIT)
    assert "weights of 2 classes; expected 3" in refusal(path)
