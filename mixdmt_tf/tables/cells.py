"""The cells of a table and their training runs.

The run folders show which runs are finished. This module does not import TensorFlow.
"""

from __future__ import annotations

import csv
import dataclasses
import pathlib
from types import MappingProxyType
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from mixdmt_tf import digests
from mixdmt_tf.tables.table import WEIGHTS_FLAGS, Row, Table, in_paths

# Settings that differ between the runs of one cell.
_OF_A_RUN = {"seed", "init_from"}

# Reads a command line: steps, and the other settings that a run's numbers depend on.
Read = Callable[[Sequence[str]], Tuple[Optional[int], Mapping[str, str]]]


def changed(results: Mapping[str, Any], settings: Mapping[str, str]) -> Optional[str]:
    """Returns the first setting for which a finished run had another value.

    Args:
        results: `results.json` of the run.
        settings: settings that its results depend on, as text by flag.

    Returns:
        The name of the setting; None if all values are the same.
    """
    flags = results.get("flags", {})
    for name, value in settings.items():
        # For 'auto' and 'none' the run records the value it chose. A setting added
        # after the run was made is missing there and did not affect it.
        left_open = name in _OF_A_RUN or value in ("auto", "none")
        if not left_open and flags.get(name, value) != value:
            return name
    return None


def read_finished(folder: pathlib.Path) -> Optional[Dict[str, Any]]:
    """Reads `results.json` of a run; None if the run is not finished.

    A run that `--compare_supervised` compares with labels alone writes its results
    before the other one is trained, and adds the scores of that one at the end.
    """
    try:
        results = digests.read_json(folder / "results.json")
    except (OSError, digests.Damaged):
        return None
    flags = results.get("flags", {})
    compared = flags.get("compare_supervised") == "true"
    alone = any(name.startswith("supervised_") for name in results)
    missing = compared and not alone and flags.get("algorithm") != "supervised"
    return None if missing else dict(results)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One row in one column: the same command with several seeds.

    Attributes:
        row: row of the table.
        column: value of the column flag, '' if the row has no columns.
        flagfile: flagfile of the row at the budget and in the column.
        flags: flags of the training command, without seed, folders and `--init_from`.
        steps: steps of one run; None if other settings determine its length.
        settings: other settings that the results depend on, as text by flag.
        folder: folder that holds the run folders.
        weights: kinds of published weights that the networks start from.
        seconds: estimated duration of one run; None if unknown.
        first: the cell whose run of the same seed must be finished before.
    """

    row: Row
    column: str
    flagfile: pathlib.Path
    flags: Tuple[str, ...]
    steps: Optional[int]
    settings: Mapping[str, str]
    folder: pathlib.Path
    weights: Tuple[str, ...] = ()
    seconds: Optional[float] = None
    first: Optional["Cell"] = None

    def run_folder(self, seed: int) -> pathlib.Path:
        """Returns the run folder of a seed."""
        column = in_paths(self.column)
        return self.folder / "-".join(filter(None, [column, f"seed{seed}"]))

    def command(self, seed: int) -> List[str]:
        """Returns the arguments of the training command."""
        more = [f"--seed={seed}", f"--workdir={self.run_folder(seed)}"]
        if self.first is not None:
            more.append(f"--init_from={self.first.run_folder(seed)}")
        return [*self.flags, *more]

    def results(self, seed: int) -> Optional[Dict[str, Any]]:
        """Reads `results.json` of a finished run; None if it is not finished.

        A run counts as finished only if its steps and settings match the current
        flagfile. Otherwise it is started again, and `bin/train` reports the
        differences.
        """
        results = read_finished(self.run_folder(seed))
        if results is None or changed(results, self.settings):
            return None
        return results if self.steps in (None, results.get("steps")) else None

    def finished(self) -> Dict[int, Dict[str, Any]]:
        """Reads the results of all finished runs, by seed."""
        prefix = self.run_folder(0).name[:-1]
        seeds = sorted(
            int(path.name[len(prefix) :])
            for path in self.folder.glob(f"{prefix}*")
            if path.name[len(prefix) :].isdigit()
        )
        results = {seed: self.results(seed) for seed in seeds}
        return {seed: each for seed, each in results.items() if each is not None}

    def steps_done(self, seed: int) -> int:
        """Returns the steps of a run at its last evaluation; 0 if unknown."""
        results = self.results(seed)
        if results is not None:
            return int(results["steps"])
        if self.steps is None:
            return 0
        try:
            text = digests.read(self.run_folder(seed) / "metrics.csv")
            rows = list(csv.DictReader(text.splitlines()))
            return min(int(float(rows[-1]["step"])), self.steps) if rows else 0
        except (OSError, ValueError, KeyError, digests.Damaged):
            return 0

    def title(self, table: Table, seed: int) -> str:
        """Names a run in messages, as in 'mean_teacher, labels 250, seed 1'."""
        column = f"{table.flag} {self.column}" if self.column else None
        return ", ".join(filter(None, [self.row.name, column, f"seed {seed}"]))


Run = Tuple[Cell, int]


def cells(
    table: Table,
    budget: str,
    folder: pathlib.Path,
    read: Read,
    common: Sequence[str] = (),
    weights: Mapping[str, str] = MappingProxyType({}),
) -> Dict[Tuple[str, str], Cell]:
    """Returns the cells of a table that have a flagfile, by row and column.

    Args:
        table: definition of the table.
        budget: one of `BUDGETS`.
        folder: folder of the table's runs at this budget.
        read: reads a command line.
        common: flags for every run.
        weights: files of published weights by kind, for rows that start from them at
            the paper's budget; kinds without a file are left out.

    Raises:
        UserError: if a flagfile is invalid; raised by `read`.
    """
    by_place: Dict[Tuple[str, str], Cell] = {}

    def make(name: str, column: str) -> Cell:
        if (name, column) in by_place:
            return by_place[name, column]
        row = table.rows.get(name) or table.before[name]
        flagfile = table.flagfile(name, budget, column)
        flags = [f"--flagfile={flagfile}", *common]
        kinds = row.weights.get(column, ()) if budget == "paper" else ()
        for flag, kind in zip(WEIGHTS_FLAGS, kinds):
            if weights.get(kind):
                flags.append(f"--{flag}={weights[kind]}")
        if column:
            flags.append(f"--{table.flag}={column}")
        first = None
        if row.first is not None:
            # A row of the table provides its run of the same column. A run that is not
            # a row, such as pre-training on other data, has no columns.
            first = make(row.first, column if row.first in table.rows else "")
        own = folder / name
        # The value of --init_from depends on the seed, but the flag is checked here.
        init_from = [] if first is None else [f"--init_from={own}"]
        steps, settings = read([*flags, f"--workdir={own}", *init_from])
        by_place[name, column] = Cell(
            row=row,
            column=column,
            flagfile=flagfile,
            flags=tuple(flags),
            steps=steps,
            settings=settings,
            folder=own,
            weights=kinds,
            seconds=row.seconds.get(budget),
            first=first,
        )
        return by_place[name, column]

    for row in table.rows.values():
        if table.has(row.name, budget):
            for column in table.columns:
                run_in = table.columns[0] if row.one_run else column
                by_place[row.name, column] = make(row.name, run_in)
    return by_place


def plan(chosen: Sequence[Cell], seeds: int, first_seed: int = 1) -> List[Run]:
    """Orders the runs of some cells, each after the run that it starts from.

    The order is by seed, so that every cell has one run before any has its second.

    Args:
        chosen: the cells.
        seeds: number of runs of each cell.
        first_seed: the smallest seed.
    """
    runs: List[Run] = []

    def add(cell: Cell, seed: int) -> None:
        if cell.first is not None:
            add(cell.first, seed)
        if not any(cell is other and seed == number for other, number in runs):
            runs.append((cell, seed))

    for seed in range(first_seed, first_seed + seeds):
        for cell in chosen:
            add(cell, seed)
    return runs
