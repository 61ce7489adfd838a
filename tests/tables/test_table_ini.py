"""`table.ini` is read, or refused with a message that says what was expected."""

from __future__ import annotations

import pathlib
import re

import pytest

from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.tables import table_ini
from mixdmt_tf.tables.table import Published, Row
from tests.tables import made_table

ROOT = pathlib.Path(__file__).resolve().parents[2]
IOU = made_table.IOU_INI


def load(tmp_path, ini):
    return table_ini.load(made_table.write(tmp_path, ini), "made/1")


def test_a_table_and_its_rows(tmp_path):
    table = load(tmp_path, made_table.INI)
    assert (table.flag, table.columns) == ("labels", ("20", "50"))
    assert (list(table.rows), table.chart) == (["plain", "clever"], "lines")
    assert (table.first_seed, table.before) == (1, {})
    numbers = {
        "20": Published("12.3 ± 1.2", 12.3, 1.2),
        "50": Published("not recoverable"),
    }
    seconds, weights = {"cpu": 120.0}, {"20": (), "50": ()}
    assert table.rows["clever"] == Row("clever", "Clever", numbers, weights, seconds)


def test_a_file_as_windows_saves_it(tmp_path):
    ini = "\ufeff" + made_table.INI.replace("\n", "\r\n")
    assert list(load(tmp_path, ini).rows) == ["plain", "clever"]


def test_a_table_of_mean_iou_with_a_quoted_row(tmp_path):
    table = load(tmp_path, IOU)
    assert (table.measure.name, table.columns) == ("mean IoU", ("1/20", "1/8"))
    row = table.rows["theirs"]
    assert (row.label, row.quoted) == ("Theirs et al. (v2)", True)
    assert row.published == {
        "1/20": Published("64.7 ± 0.3", 64.7, 0.3),
        "1/8": Published("not published"),
    }


def test_marks_weights_order_and_cost_of_a_row(tmp_path):
    more = "beside = true\none_run = true\nfirst = base\nweights = 1/8: coco imagenet"
    ini = made_table.adding("row clever", more, IOU)
    ini = ini.replace("cpu_minutes = 2", "cpu_minutes = 2\npaper_minutes = 90")
    base = "[before base]\nlabel = Base model\nweights = imagenet\n"
    table = load(tmp_path, ini + base)
    row = table.rows["clever"]
    assert (row.beside, row.one_run, row.quoted, row.first) == (
        True,
        True,
        False,
        "base",
    )
    assert row.weights == {"1/20": (), "1/8": ("coco", "imagenet")}
    assert row.seconds == {"cpu": 120.0, "paper": 5400.0}
    none = {"": Published("none")}
    base = Row("base", "Base model", none, {"": ("imagenet",)}, {})
    assert table.before == {"base": base} and "base" not in table.rows


def test_folders_of_other_names(tmp_path):
    root = made_table.write(tmp_path)
    (root / "made" / "figure_2").mkdir()
    (root / "made" / "figure_2" / "table.ini").write_text("")
    assert list(table_ini.find(root)) == ["made/1", "made/figure_2"]


@pytest.mark.parametrize("name", ["made/2", "", "mad/1"])
def test_an_unknown_table(name, tmp_path):
    with pytest.raises(UsageError, match="there are: made/1"):
        table_ini.load(made_table.write(tmp_path), name)


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("[table]", "[tabel]", "expected a section [table] with a title"),
        ("title", "tilte", "'title'\nexpected a section [table] with a title"),
        ("lines", "pie", "expected one of bars, lines, log_lines"),
        ("labels: 20 50", "labels:", "expected 'columns = FLAG: 1 2 3' or no columns"),
        ("labels: 20 50", "20 50", "expected 'columns = FLAG: 1 2 3' or no columns"),
        ("chart", "charts", "setting 'charts': expected one of title, columns"),
        ("chart", "shown = iou\nchart", "of error, raw, median20, miou, miou_raw"),
        ("20 50", "1/20 50", "columns that are numbers, got '1/20'"),
        ("[row plain]", "[rwo plain]", "section 'rwo plain': expected 'table', 'row"),
        ("[row plain]", "[row]", "section 'row': expected 'table', 'row NAME' or"),
    ],
)
def test_a_table_that_is_wrong(old, new, said, tmp_path):
    assert made_table.INI.count(old) >= 1
    with pytest.raises(UserError, match=re.escape(said)) as error:
        load(tmp_path, made_table.INI.replace(old, new))
    assert len(str(error.value).splitlines()) <= 3


def test_a_table_without_rows(tmp_path):
    ini = made_table.INI.partition("[row")[0]
    with pytest.raises(UserError, match=r"expected a section \[row NAME\]"):
        load(tmp_path, ini)


@pytest.mark.parametrize(
    "line, said",
    [
        ("lable = Plain", "row 'clever': setting 'lable': expected one of label, "),
        ("beside = no", "row 'clever': beside 'no': expected one of true"),
        ("quoted =", "row 'clever': quoted '': expected one of true"),
        ("quoted = true", "row 'clever' is quoted and has a flagfile too"),
        ("weights = voc", "weights: 'voc': expected coco or imagenet, or two of them"),
        ("weights = coco coco coco", "or two of them for two networks"),
        ("weights = 50: coco; 5: coco", "weights: expected each of 20, 50 once"),
        ("weights = 50: coco; 50: coco", "weights: expected each of 20, 50 once"),
        ("paper_minutes = long", "paper_minutes: 'long': expected a number > 0"),
        ("paper_minutes = -1", "paper_minutes: '-1': expected a number > 0"),
        ("first = nobody", "row 'clever': first 'nobody': expected one of plain, clev"),
        ("first = clever", "rows wait for one another: clever after clever"),
    ],
)
def test_a_row_that_is_wrong(line, said, tmp_path):
    with pytest.raises(UserError, match=re.escape(said)) as error:
        load(tmp_path, made_table.adding("row clever", line))
    assert str(tmp_path / "flags/made/table_1/table.ini") in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("label = Clever\n", "", "row 'clever': label: expected the paper's name"),
        ("1/8: not", "1/4: not", "expected each of 1/20, 1/8 once and a colon"),
        ("64.7 ±", "about", "row 'theirs': published: 'about 0.3': expected 1.23"),
    ],
)
def test_labels_and_numbers_that_are_wrong(old, new, said, tmp_path):
    with pytest.raises(UserError, match=re.escape(said)):
        load(tmp_path, IOU.replace(old, new))


def test_rows_that_wait_for_one_another(tmp_path):
    ini = made_table.adding("row clever", "first = plain")
    ini = made_table.adding("row plain", "first = clever", ini)
    with pytest.raises(UserError, match="plain after clever after plain"):
        load(tmp_path, ini)


def test_what_may_come_first(tmp_path):
    """No quoted row, and for a run that has no columns no row of the table."""
    ini = made_table.adding("row clever", "first = theirs", IOU)
    with pytest.raises(UserError, match="first 'theirs': expected one of plain, clev"):
        load(tmp_path / "quoted", ini)
    before = "[before {}]\nlabel = Base model\nfirst = plain\n"
    with pytest.raises(
        UserError, match="row 'base': first 'plain': expected one of ba"
    ):
        load(tmp_path / "row", IOU + before.format("base"))
    with pytest.raises(
        UserError, match="'clever': expected one section, row or before"
    ):
        load(tmp_path / "both", IOU + before.format("clever"))


@pytest.mark.parametrize(
    "text, value, std",
    [
        ("9.79 (table 4 prints: 9.78; or not)", 9.79, None),
        ("47.32±4.71", 47.32, 4.71),
        ("3", 3.0, None),
        ("none", None, None),
    ],
)
def test_one_published_number(text, value, std):
    number = table_ini.published(text, ("",))[""]
    assert (number.value, number.std) == (value, std)


@pytest.mark.parametrize("text", ["250: 3", "3.x", "250: 3; 30: 4", "lost", "1 2"])
def test_what_is_no_published_number(text):
    columns = ("250", "500") if "30" in text else ("",)
    with pytest.raises(ValueError, match="expected"):
        table_ini.published(text, columns)


def test_a_number_in_a_table_of_several_columns_names_its_column():
    with pytest.raises(ValueError, match="expected each of 250, 500 once"):
        table_ini.published("9.79", ("250", "500"))


def test_tables_are_documented_as_they_are_read(tmp_path):
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    rows = " ".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))
    words = set(re.findall(r"`([^`]+)`", rows))
    tables = set(table_ini.find(ROOT / "flags"))
    assert tables == {each for each in words if "/" in each}
    assert {*table_ini.TABLE_SETTINGS, *table_ini.ROW_SETTINGS} <= words
    (example,) = re.findall(r"^```ini\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    folder = tmp_path / "dmt" / "table_4"
    folder.mkdir(parents=True)
    (folder / "table.ini").write_text(example, encoding="utf-8")
    table = table_ini.load(tmp_path, "dmt/4")
    assert (table.chart, list(table.rows)) == ("bars", ["baseline", "hung"])


def test_a_table_without_an_end(tmp_path):
    root = made_table.write(tmp_path)
    (path,) = root.rglob("table.ini")
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(UserError, match="of a table: larger than 1,048,576 bytes\n"):
        table_ini.load(root, "made/1")
