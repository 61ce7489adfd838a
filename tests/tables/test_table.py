"""The definition of a table: flagfiles, choices of rows and columns."""

from __future__ import annotations

import pytest

from mixdmt_tf.errors import UsageError
from mixdmt_tf.tables import table as tables
from mixdmt_tf.tables import table_ini
from tests.tables import made_table


def test_a_row_may_have_a_flagfile_for_a_column_with_a_slash(tmp_path):
    table = table_ini.load(made_table.write(tmp_path, made_table.IOU_INI), "made/1")
    of_column = table.folder / "cpu" / "clever-1_20.flags"
    of_column.touch()
    assert table.flagfile("clever", "cpu", "1/20") == of_column
    other = table.folder / "cpu" / "clever.flags"
    assert table.flagfile("clever", "cpu", "1/8") == other
    assert table.flagfile("clever", "paper", "1/20") == table.folder / "clever.flags"


def test_quoted_rows_are_not_runnable(tmp_path):
    table = table_ini.load(made_table.write(tmp_path, made_table.IOU_INI), "made/1")
    assert list(table.rows) == ["theirs", "plain", "clever"]
    assert list(table.runnable) == ["plain", "clever"]
    for budget in tables.BUDGETS:
        assert not table.has("theirs", budget) and table.has("plain", budget)


def test_rows_and_columns_are_chosen_by_name():
    known = ("a", "b", "c")
    assert tables.choose("rows", "", known) == known
    assert tables.choose("rows", "c, a", known) == ("a", "c")
    with pytest.raises(UsageError, match="has no d\nthere are: a, b, c"):
        tables.choose("rows", "a,d", known)
