"""What a network said is found again, unless it is of another step or damaged."""

from __future__ import annotations

import numpy as np

from mixdmt_tf.runs import predictions

FOUND = {"test_predicted": np.array([1, 2], np.int32), "empty": np.zeros(0)}


def test_what_was_written_is_read(tmp_path):
    predictions.write(tmp_path, 12, FOUND)
    again = predictions.read(tmp_path, 12)
    assert list(again) == list(FOUND)
    for name, array in FOUND.items():
        np.testing.assert_array_equal(again[name], array)
    first = (tmp_path / predictions.NAME).read_bytes()
    predictions.write(tmp_path, 12, FOUND)
    assert (tmp_path / predictions.NAME).read_bytes() == first


def test_another_step_a_missing_and_a_damaged_file_say_nothing(tmp_path):
    assert predictions.read(tmp_path, 12) == {}
    predictions.write(tmp_path, 12, FOUND)
    assert predictions.read(tmp_path, 11) == {}
    path = tmp_path / predictions.NAME
    path.write_bytes(path.read_bytes()[:-9])
    assert predictions.read(tmp_path, 12) == {}


def test_a_copy_and_none_where_there_is_no_file(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir(), other.mkdir()
    predictions.copy(one, other)
    assert not list(other.iterdir())
    predictions.write(one, 3, FOUND)
    predictions.copy(one, other)
    assert list(predictions.read(other, 3)) == list(FOUND)
