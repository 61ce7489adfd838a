"""Tables of numbers, read back."""

from __future__ import annotations

import pytest

from mixdmt_tf import digests
from mixdmt_tf.runs.rows import read_numbers, read_rows


def test_evaluations_with_the_columns_that_they_have(tmp_path):
    assert read_rows(tmp_path) == []
    text = "step,seconds,test_error\n4,1.5,\n8.0,3,7.25\n"
    digests.write(tmp_path / "metrics.csv", text)
    rows = [
        {"step": 4, "seconds": 1.5},
        {"step": 8, "seconds": 3.0, "test_error": 7.25},
    ]
    assert read_rows(tmp_path) == rows
    assert type(read_rows(tmp_path)[1]["step"]) is int


def test_some_columns_of_a_table_with_words(tmp_path):
    path = tmp_path / "rounds.csv"
    path.write_text("stage,seconds,error\nround_1,2.5,8\nround_2,3,\n")
    found = read_numbers(path, ("seconds", "error"))
    assert found == [{"seconds": 2.5, "error": 8.0}, {"seconds": 3.0}]
    with pytest.raises(digests.Damaged, match="rounds.csv is damaged: it is not a"):
        read_numbers(path)


@pytest.mark.parametrize(
    "text", [b"step\n8x.6\n", b"step\n\xff\xfe\x00\n", b"a\n1,2\n"]
)
def test_what_is_no_table_of_numbers(text, tmp_path):
    (tmp_path / "metrics.csv").write_bytes(text)
    with pytest.raises(digests.Damaged, match="it is not a table of numbers"):
        read_rows(tmp_path)


def test_a_digit_that_changed(tmp_path):
    path = tmp_path / "metrics.csv"
    digests.write(path, "step,error\n4,8\n")
    path.write_text("step,error\n4,9\n")
    with pytest.raises(digests.Damaged, match="changed since it was written"):
        read_rows(tmp_path)
