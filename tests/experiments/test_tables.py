"""What tables and their flagfiles open with is read, or refused in words."""

from __future__ import annotations

import pytest

from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.experiments import headers, tables
from mixdmt_tf.experiments.headers import Published
from tests.experiments import made_table


def test_a_table_and_its_rows(tmp_path):
    table = tables.load(made_table.write(tmp_path), "made/1")
    assert (table.flag, table.columns) == ("labels", ("20", "50"))
    assert (table.rows, table.picture) == (("plain", "clever"), "lines")
    row = table.row("clever", "cpu")
    assert (row.label, row.seconds, row.first) == ("Clever", 120.0, None)
    assert row.flagfile == table.folder / "cpu" / "clever.flags"
    assert row.published["20"] == Published("12.3 ± 1.2", 12.3, 1.2)
    assert row.published["50"] == Published("not recoverable")
    assert table.row("plain", "paper").seconds is None


def test_folders_of_other_names(tmp_path):
    root = made_table.write(tmp_path)
    (root / "made" / "figure_2").mkdir()
    (root / "made" / "figure_2" / "table.ini").write_text("")
    assert list(tables.find(root)) == ["made/1", "made/figure_2"]


@pytest.mark.parametrize("name", ["made/2", "", "mad/1"])
def test_an_unknown_table(name, tmp_path):
    with pytest.raises(UsageError, match="there are: made/1"):
        tables.load(made_table.write(tmp_path), name)


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("[table]", "[tabel]", "expected a section"),
        ("title", "tilte", "title"),
        ("lines", "pie", "expected one of bars, lines, log_lines"),
        ("labels: 20 50", "labels:", "expected 'rows"),
        ("picture", "pictures", "expected one of title"),
        ("picture", "one_run = nobody\npicture", "one_run 'nobody': expected one of"),
    ],
)
def test_a_description_that_is_wrong(old, new, said, tmp_path):
    root = made_table.write(tmp_path, ini=made_table.INI.replace(old, new))
    with pytest.raises(UserError, match=said):
        tables.load(root, "made/1")


@pytest.mark.parametrize(
    "text, value, std",
    [
        ("9.79 % (table 4 prints: 9.78; or not)", 9.79, None),
        ("47.32±4.71", 47.32, 4.71),
        ("3", 3.0, None),
        ("none", None, None),
    ],
)
def test_one_published_number(text, value, std):
    found = headers.published(text, ("",))[""]
    assert (found.value, found.std) == (value, std)


@pytest.mark.parametrize("text", ["250: 3", "3.x", "250: 3; 30: 4", "lost", "1 2"])
def test_what_is_no_published_number(text):
    columns = ("250", "500") if "30" in text else ("",)
    with pytest.raises(ValueError, match="expected"):
        headers.published(text, columns)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("12 minutes on 2 CPU cores.", 720),
        ("about 1.5 hours", 5400),
        ("524,288 steps", None),
    ],
)
def test_cost(text, seconds):
    assert headers.cost(text) == seconds


def test_rows_and_columns_are_chosen_by_name():
    known = ("a", "b", "c")
    assert tables.choose("rows", "", known) == known
    assert tables.choose("rows", "c, a", known) == ("a", "c")
    with pytest.raises(UsageError, match="has no d\nthere are: a, b, c"):
        tables.choose("rows", "a,d", known)
