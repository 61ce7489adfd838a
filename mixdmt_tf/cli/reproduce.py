"""`bin/reproduce`: the rows of a paper's table, and the table with our numbers."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import sys
from typing import AbstractSet, Any, Mapping, Optional, Sequence, Tuple

import mixdmt_tf
from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import setting, to_text

# `bin/train`, in this Python and from this very package.
LAUNCH = (
    "import sys; sys.path[0] = sys.argv.pop(1); "
    "from mixdmt_tf.cli.train import main; sys.exit(main(sys.argv[1:]))"
)


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    table: str = setting("", "paper and table, such as realmix/2")
    budget: str = setting(
        "cpu",
        "paper: as published, for GPUs; cpu: small enough for two cores",
        choices=("paper", "cpu"),
    )
    seeds: int = setting(
        2,
        "runs of each cell, with seeds 1, 2, ... (RealMix reports two); in tables of "
        "segmentation 0, 1, 2, whose splits are DMT's",
        low=1,
    )
    rows: str = setting("", "run only these rows: names with commas between them")
    columns: str = setting("", "run only these columns: values, commas between them")
    workdir: str = setting(
        "runs/reproduce", "folder of the tables and of all their runs"
    )
    data_dir: str = setting("", "folder of the data, handed on to each run")
    pretrained: str = setting(
        "",
        "file of published weights for the networks of --budget=paper (segmentation), "
        "handed on to each run",
    )
    pretrained_b: str = setting(
        "", "the same for the second of two networks; default: pretrained"
    )
    tables_dir: str = setting(
        "", "folder of the tables; default: flags/ of the checkout"
    )
    dry_run: bool = setting(
        False, "print the commands and what they will cost, and run nothing"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_reproduce, argv)


def command() -> None:
    """The installed command `mixdmt-reproduce`."""
    sys.exit(main(sys.argv[1:]))


def _reproduce(argv: Sequence[str]) -> int:
    parsed = flags.parse(
        argv,
        "reproduce",
        "Runs the rows of a table of a paper and writes the table with our numbers.\n"
        "The same command goes on where it stopped.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.reproduce")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)

    from mixdmt_tf.tables import cells, report, running
    from mixdmt_tf.tables import table as tables

    table = tables.load(_root(config.tables_dir), config.table)
    rows = _rows(table, config)
    columns = tables.choose("columns", config.columns, filter(None, table.columns))
    folder = pathlib.Path(config.workdir).expanduser() / table.name / config.budget
    common = _common(config)
    known = cells.cells(table, config.budget, folder, _read, common)
    chosen = [known[row, column] for column in columns or ("",) for row in rows]
    runs = cells.plan(chosen, config.seeds, table.first_seed)
    everything = list(known.values())
    if config.dry_run:
        for number, one in enumerate(runs, start=1):
            _describe(f"[{number}/{len(runs)}]", one, table, everything)
        print(f"cost: {running.cost_in_words(runs, everything)}")
        return 0

    def write(failed: AbstractSet[Tuple[str, str, int]]) -> None:
        report.write(table, config.budget, known, folder, failed)

    print(f"cost: {running.cost_in_words(runs, everything)}", flush=True)
    package = pathlib.Path(mixdmt_tf.__file__).resolve().parents[1]
    launch = [sys.executable, "-c", LAUNCH, str(package)]
    write(frozenset())
    code = running.execute(table, runs, launch, write)
    print((folder / "table.md").read_text(encoding="utf-8"))
    print(f"written to {folder}: table.md, table.csv, table.png")
    return code


def _common(config: Config) -> Sequence[str]:
    """The flags that are handed on to each run.

    Raises:
        UsageError: if its network has no published weights.
    """
    if config.budget == "cpu" and (config.pretrained or config.pretrained_b):
        raise UsageError(
            "--pretrained: the networks of --budget=cpu have no published weights\n"
            "leave it out, or choose --budget=paper"
        )
    names = ("data_dir", "pretrained", "pretrained_b")
    return [f"--{n}={getattr(config, n)}" for n in names if getattr(config, n)]


def _rows(table: Any, config: Config) -> Sequence[str]:
    """The rows to be run: those that --rows names, or all that can be.

    Raises:
        UsageError: if --rows names one that can't be run, or there is none.
    """
    from mixdmt_tf.tables import table as tables

    there = [row for row in table.rows if table.has(row, config.budget)]
    rows = tables.choose("rows", config.rows, table.rows)
    quoted = [row for row in rows if row in table.quoted]
    if quoted and config.rows:
        raise UsageError(
            f"--rows={config.rows}: {', '.join(quoted)}: quoted from the paper, not in "
            f"this package\nthere are: {', '.join(there) or 'none'}"
        )
    missing = [row for row in rows if row not in [*there, *quoted]]
    if missing and config.rows or not there:
        raise UsageError(
            f"table {table.name} has no {', '.join(missing) or 'row'} at --budget="
            f"{config.budget}\nthere are: {', '.join(there) or 'none'}"
        )
    return [row for row in rows if row in there]


def _root(given: str) -> pathlib.Path:
    """The folder of the tables."""
    if given:
        root = pathlib.Path(given).expanduser().resolve()
    else:
        root = pathlib.Path(mixdmt_tf.__file__).resolve().parents[1] / "flags"
    if not root.is_dir():
        raise UsageError(
            f"there is no {root}: tables are in flags/ of a checkout and are not "
            "installed with the package\nname that folder with --tables_dir"
        )
    return root


def _read(argv: Sequence[str]) -> Tuple[Optional[int], Mapping[str, str]]:
    """Steps of a training command, if it has any, and what else decides its numbers."""
    from mixdmt_tf.runs.config import Config as RunConfig

    parsed = experiments.parse(argv, "train", "")
    values: Mapping[str, Any] = parsed.values["run"]
    data: Mapping[str, Any] = parsed.values["data"]
    (
        RunConfig(**values),
        experiments.data_config(data),
    )  # refuse what doesn't go together
    settings = {
        each.name: to_text(parsed.values[group.name][each.name])
        for group in parsed.groups
        for each in group.settings
        if not each.harmless
    }
    method: Mapping[str, Any] = parsed.values["method"]
    experiments.require_lengths(values["steps"], method, str(data["pseudo_labels"]))
    return values["steps"], settings


def _describe(prefix: str, one: Any, table: Any, known: Sequence[Any]) -> None:
    """Prints one run: how far it is, its cost, its command."""
    from mixdmt_tf.runs import progress
    from mixdmt_tf.tables import running

    cell, seed = one
    done = cell.steps_done(seed)
    state = "finished"
    if cell.results(seed) is None:
        left = running.seconds_left(one, known)
        state = "cost unknown" if left is None else progress.duration(left)
        if 0 < done:
            state += f", at {math.floor(100 * done / (cell.steps or done))} %"
    print(f"{prefix} {cell.title(table, seed)}: {state}")
    print(f"    bin/train {' '.join(cell.command(seed))}")
