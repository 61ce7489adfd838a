"""What tables and their flagfiles open with is read, or refused in words."""

from __future__ import annotations

import re

import pytest

from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.tables import headers
from mixdmt_tf.tables import table as tables
from mixdmt_tf.tables.headers import Published
from tests.tables import made_table


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


def iou_table(tmp_path):
    return made_table.write(
        tmp_path, ini=made_table.IOU_INI, published=made_table.IOU_PUBLISHED
    )


def test_a_table_of_mean_iou(tmp_path):
    table = tables.load(iou_table(tmp_path), "made/1")
    assert (table.measure.name, table.columns) == ("mean IoU", ("1/20", "1/8"))
    assert table.row("clever", "cpu").published == {
        "1/20": Published("55.62", 55.62),
        "1/8": Published("not published"),
    }


def test_a_row_may_have_a_flagfile_for_a_column_with_a_slash(tmp_path):
    table = tables.load(iou_table(tmp_path), "made/1")
    own = table.folder / "clever-1_20.flags"
    own.write_text((table.folder / "clever.flags").read_text("utf-8"), "utf-8")
    assert table.row("clever", "paper", "1/20").flagfile == own
    other = table.row("clever", "paper", "1/8").flagfile
    assert other == table.folder / "clever.flags"


def test_a_quoted_row_has_numbers_and_no_flagfile(tmp_path):
    table = tables.load(iou_table(tmp_path), "made/1")
    assert table.rows == ("theirs", "plain", "clever")
    assert table.quoted == {
        "theirs": tables.Quoted(
            "Theirs et al. (v2)",
            {
                "1/20": Published("64.7 ± 0.3", 64.7, 0.3),
                "1/8": Published("not published"),
            },
        )
    }
    assert not any(table.has("theirs", budget) for budget in tables.BUDGETS)


@pytest.mark.parametrize("budget", tables.BUDGETS)
@pytest.mark.parametrize(
    "ini, there, expected",
    [
        (made_table.INI, "mean IoU", "error"),
        (made_table.INI + "shown = raw\n", "mean IoU", "error"),
        (made_table.IOU_INI, "error", "mean IoU"),
    ],
    ids=["error", "raw", "miou"],
)
def test_published_numbers_are_what_the_table_shows(
    ini, there, expected, budget, tmp_path
):
    """Neither others in their place nor others besides."""
    numbers = {"error": made_table.PUBLISHED, "mean IoU": made_table.IOU_PUBLISHED}
    root = made_table.write(tmp_path, ini=ini, published=numbers[expected])
    table = tables.load(root, "made/1")
    path = table.row("plain", budget).flagfile
    text, line = path.read_text("utf-8"), f"# Published {expected}: "
    assert text.count(line) == 1
    other = f"# Published {there}: "
    for wrong in (text.replace(line, other), f"{other}none\n{text}"):
        path.write_text(wrong, "utf-8")
        with pytest.raises(UserError, match=f"{other}.*\nexpected '{line}") as error:
            table.row("plain", budget)
        assert str(path) in str(error.value)
    path.write_text(text.replace(line, "# Printed: "), "utf-8")
    with pytest.raises(UserError, match=f"does not open with a line '{line}"):
        table.row("plain", budget)


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
        ("picture", "shown = iou\npicture", "of error, raw, median20, miou, miou_raw"),
        ("20 50", "1/20 50", "columns that are numbers, got '1/20'"),
    ],
)
def test_a_description_that_is_wrong(old, new, said, tmp_path):
    root = made_table.write(tmp_path, ini=made_table.INI.replace(old, new))
    with pytest.raises(UserError, match=said):
        tables.load(root, "made/1")


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("[quoted]", "[quotde]", "section 'quotde': expected one of table, quoted"),
        ("rows = theirs", "rows =", "quoted 'theirs': expected one of plain, clever"),
        ("shown", "one_run = theirs\nshown", "one_run 'theirs': expected one of plain"),
        (" | ", " ", "expected 'LABEL | ...'"),
        ("Theirs et al. (v2) |", "|", "expected 'LABEL | ...'"),
        ("1/8: not", "1/4: not", "expected one of 1/20, 1/8 and a colon"),
        ("64.7 ±", "about", "expected 1.23"),
        ("theirs", "plain", "row 'plain' is quoted and has a flagfile too"),
    ],
)
def test_a_quoted_row_that_is_wrong(old, new, said, tmp_path):
    ini = made_table.IOU_INI.replace(old, new)
    root = made_table.write(tmp_path, ini=ini, published=made_table.IOU_PUBLISHED)
    with pytest.raises(UserError, match=re.escape(said)) as error:
        tables.load(root, "made/1")
    assert len(str(error.value).splitlines()) <= 3


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


@pytest.mark.parametrize(
    "text, label, beside",
    [
        ("A (2019), table 1, row X.", "X", False),
        ("A (2019), table 6, row A, mu = .5.", "A, mu = .5", False),
        ("A (2019), beside table 2, row X.", "X", True),
        ("none, a data set, row Beside.", "Beside", False),
    ],
)
def test_the_place_in_the_paper(text, label, beside, tmp_path):
    assert headers.place(tmp_path, text) == (label, beside)


def test_a_place_without_a_row(tmp_path):
    with pytest.raises(UserError, match="names no row\nexpected '# Paper: ..., "):
        headers.place(tmp_path, "A (2019), table 1.")


def test_weights_are_those_that_the_command_names(tmp_path):
    """Of the flagfile that is taken, which may be that of a column."""
    root = iou_table(tmp_path)
    table = tables.load(root, "made/1")
    path = table.folder / "clever.flags"
    own = table.folder / "clever-1_20.flags"
    own.write_text(path.read_text("utf-8"), "utf-8")
    end = "clever.flags\n"
    more = f"{end[:-1]} --pretrained=IMAGENET --seed=0\n"
    made_table.edit(path, end, more)
    made_table.edit(own, end, more.replace("=I", "_b=COCO --pretrained=I"))
    both = {"pretrained": "imagenet", "pretrained_b": "coco"}
    assert table.row("clever", "paper", "1/20").weights == both
    assert table.row("clever", "paper", "1/8").weights == {"pretrained": "imagenet"}
    assert table.row("clever", "cpu", "1/8").weights == {}
    made_table.edit(path, "=IMAGENET", "=FILE")
    said = "pretrained=FILE'\nexpected --pretrained=COCO or --pretrained=IMAGENET"
    with pytest.raises(UserError, match=said) as error:
        table.row("clever", "paper", "1/8")
    assert str(path) in str(error.value)
