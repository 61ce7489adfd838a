"""Every flagfile names its experiment, parses, and trains."""

from __future__ import annotations

import pathlib

import pytest

from mixdmt_tf.cli import experiments
from mixdmt_tf.experiments import tables

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "flags"
FLAGFILES = sorted(p for p in FOLDER.rglob("*.flags") if p.parent.name != "base")
TABLES = [tables.load(FOLDER, name) for name in tables.find(FOLDER)]
per_flagfile = pytest.mark.parametrize(
    "path", FLAGFILES, ids=[str(p.relative_to(FOLDER)) for p in FLAGFILES]
)


def parse(path, *more):
    return experiments.parse([f"--flagfile={path}", *more], "train", "")


def test_there_are_flagfiles():
    assert len(FLAGFILES) >= 14


@per_flagfile
def test_it_opens_with_what_it_reproduces(path):
    title, *lines = path.read_text(encoding="utf-8").splitlines()
    name = path.relative_to(ROOT)
    assert title.startswith("# ") and title.endswith(".")
    assert lines[0].startswith("# Paper: ")
    assert lines[1].startswith("# Published error: ")
    assert lines[2].startswith("# Cost: ")
    assert lines[3].startswith("# Command: bin/") and str(name) in lines[3]


@per_flagfile
def test_its_command_parses(path, monkeypatch):
    command = path.read_text(encoding="utf-8").split("# Command: ")[1].splitlines()[0]
    script, *arguments = command.split()
    assert (ROOT / script).is_file()
    monkeypatch.chdir(ROOT)
    algorithm = {"bin/train_realmix": "realmix"}.get(script)
    assert experiments.parse(arguments, script, "", algorithm).values


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_a_table_has_its_rows_at_both_budgets(table):
    for name in table.rows:
        paper, cpu = (table.row(name, budget) for budget in tables.BUDGETS)
        assert cpu.seconds, f"{cpu.flagfile}: no '# Cost: 12 minutes ...'"
        assert paper.first == cpu.first
        # tests/cli/test_reproduce.py reads every column.
        column = table.columns[0]
        flags = [f"--{table.flag}={column}"] if column else []
        small = parse(cpu.flagfile, *flags).values["run"]
        large = parse(paper.flagfile, *flags).values["run"]
        assert small["steps"] <= large["steps"]
        assert small["algorithm"] == large["algorithm"]
        assert not small["compare_supervised"]


def test_the_papers_rows_differ_only_where_they_should():
    rows = ("table_2/realmix", "table_3/realmix", "released", "table_5/copies_25")
    values = {
        row: experiments.build(parse(FOLDER / "realmix" / f"{row}.flags")).to_flags()
        for row in rows
    }
    reference = values["table_2/realmix"]

    def changed(name):
        return {k for k, v in values[name].items() if v != reference[k]}

    assert changed("table_3/realmix") == {"dataset", "lambda_u"}
    assert changed("released") == {"tsa", "tsa_target"}
    assert changed("table_5/copies_25") == {"copies"}
    assert reference["lambda_u"] == "75.0"
    assert values["table_3/realmix"]["lambda_u"] == "250.0"


@pytest.mark.parametrize(
    "name",
    "steps batch depth width batch_norm_momentum ema_decay learning_rate".split(),
)
def test_methods_of_one_table_are_on_the_same_footing(name):
    """All that were published with Adam: UDA and FixMatch bring their own updates."""
    values = {
        path.stem: parse(path).values
        for path in (FOLDER / "realmix" / "table_2").glob("*.flags")
        if path.stem not in ("uda", "fixmatch")
    }
    assert len(values) == 9
    groups = [group for row in values.values() for group in row.values()]
    assert len({group[name] for group in groups if name in group}) == 1
