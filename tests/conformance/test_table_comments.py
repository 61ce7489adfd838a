"""The comments that a table's flagfiles open with say the same as its `table.ini`.

They are for people: no code of the package reads them.
"""

from __future__ import annotations

import configparser
import functools
import re

import pytest

from mixdmt_tf.tables import table as tables
from tests.conformance.test_flagfiles import TABLES

COST = re.compile(r"(?:about )?(\d+(?:\.\d+)?) (minute|hour)s?\b")
APPENDICES = {"dmt/gamma": "appendix C"}
DATA = {
    "lengths/camvid": "street scenes of 240x180 pixels",
    "lengths/mismatch": "RealMix's question of its table 1 in minutes",
    "lengths/pretrained": "RealMix's question of its table 4 in minutes",
}
MINUTES = {"minute": 1, "hour": 60}
WEIGHTS = re.compile(r"--(pretrained(?:_b)?)=(\S+)")


def comments(path):
    """Comments such as '# Paper: ...' by their first word."""
    lines = path.read_text("utf-8").splitlines()
    pairs = (line[2:].partition(": ") for line in lines if line.startswith("# "))
    return {name: text for name, colon, text in pairs if colon}


def flagfiles(table, row, budget):
    """The flagfiles of a row, by column."""
    columns = table.columns if row.name in table.rows else ("",)
    return {each: table.flagfile(row.name, budget, each) for each in columns}


def place(table, row):
    """End of the line '# Paper: ...': where the row stands in the paper."""
    number = table.name.split("/")[1]
    where_in = f"table {number}"
    if table.name in APPENDICES:
        where_in = APPENDICES[table.name]
    elif not number.isdigit():
        data = DATA.get(table.name, "a data set that needs no download")
        return f"none, {data}, row {row.label}."
    if table.name == "realmix/1" and not row.beside:
        where_in += " and figure 2"
    if row.name in table.before:
        where = "before "
    else:
        where = "beside " if row.beside else ""
    return f", {where}{where_in}, row {row.label.rstrip('.')}."


@functools.lru_cache(maxsize=None)
def settings(folder):
    """What `table.ini` says, as it is written there."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(folder / "table.ini", "utf-8")
    return parser


def published(table, row):
    kind = "row" if row.name in table.rows else "before"
    return settings(table.folder)[f"{kind} {row.name}"].get("published", "none")


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_comments_agree_with_the_table(table):
    for row in [*table.runnable.values(), *table.before.values()]:
        for budget in tables.BUDGETS:
            check(table, row, budget)


def check(table, row, budget):
    paper = budget == "paper"
    for column, path in flagfiles(table, row, budget).items():
        said = comments(path)
        end = place(table, row) if paper else ": its method at the budget of a CPU."
        assert said["Paper"].endswith(end), path
        number = published(table, row) if paper else "none"
        assert said[f"Published {table.measure.name}"] == number, path
        cost = COST.match(said["Cost"])
        seconds = 60 * float(cost[1]) * MINUTES[cost[2]] if cost else None
        assert seconds == row.seconds.get(budget), path
        kinds = row.weights[column] if paper else ()
        expected = [*zip(tables.WEIGHTS_FLAGS, map(str.upper, kinds))]
        assert WEIGHTS.findall(said["Command"]) == expected, path
        assert said.get("First") == row.first, path
