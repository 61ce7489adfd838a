"""Tables that people write, and what can be wrong with them."""

from __future__ import annotations

import pathlib

import pytest

from mixdmt_tf.data import csv_rows
from mixdmt_tf.errors import UserError

COLUMNS = ("file", "weight")


def read(tmp_path, content):
    table = tmp_path / "w.csv"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    return csv_rows.read(table, f"--weights_csv={table}", COLUMNS)


def test_rows_know_their_line(tmp_path):
    """As spreadsheets write it: a byte order mark, CRLF, quotes, a column of notes."""
    text = (
        '\ufefffile , weight,note\r\n"a, b.png",2,\r\n\r\n c.png ,"0.5","two\r\nlines"'
    )
    header, rows = read(tmp_path, text)
    assert header == ["file", "weight", "note"]
    assert rows[0] == (
        f"--weights_csv={tmp_path}/w.csv, line 2",
        {"file": "a, b.png", "weight": "2", "note": ""},
    )
    assert rows[1][1] == {"file": "c.png", "weight": "0.5", "note": "two\r\nlines"}
    assert len(rows) == 2


@pytest.mark.parametrize("separator", [";", "\t"])
def test_separators_and_empty_cells_of_spreadsheets(tmp_path, separator):
    text = "File,weight,note\na,\n".replace(",", separator)
    header, rows = read(tmp_path, text)
    assert header == ["file", "weight", "note"]
    assert rows[0][1] == {"file": "a", "weight": "", "note": ""}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no rows; expected the columns file, weight"),
        ("file,weight\n", "has no rows"),
        ("name,weight\na,1\n", "line 1: expected a column 'file'; found name, weight"),
        ("file,weight,file\na,1,b\n", "line 1: expected columns with different names"),
        ("file,weight,\na,1,\n", "line 1: expected columns with different names"),
        ("file,weight\na,1,2\n", "line 2 has 3 cells; expected 2"),
        ('file,weight\n"a,1\n', "unexpected end of data"),
        (f"file,weight\n{'a' * 10001},1\n", "line 2 has a cell of more than 10,000"),
        (f"file,weight\n{'a' * 200000},1\n", "line 2: field larger than"),
        (b"file,weight\n\xff,1\n", "not text in UTF-8"),
        (b"\0\1\2", "expected a column 'file'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


def test_a_file_that_cannot_be_read(tmp_path):
    for place, reason in ((tmp_path / "none.csv", "No such"), (tmp_path, "directory")):
        with pytest.raises(UserError, match=f"can't be read: .*{reason}"):
            csv_rows.read(place, "w.csv", COLUMNS)


def test_names_of_files_have_one_form():
    root = pathlib.Path("data")
    assert csv_rows.relative(root / "a" / "b.png", root) == "a/b.png"
    for text in ("a/b.png", "./a/b.png", "a//b.png"):
        assert csv_rows.file_name(text) == "a/b.png"
