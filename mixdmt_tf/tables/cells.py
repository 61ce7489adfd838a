"""Cells of a table, and the runs that they take.

What is finished is what the run folders say. TensorFlow is not imported here.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import pathlib
from types import MappingProxyType
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from mixdmt_tf.errors import UserError
from mixdmt_tf.tables.table import Row, Table, in_paths

# Settings in which the runs of one cell differ.
_OF_A_RUN = {"seed", "init_from"}

# Steps, and the other settings that decide over a run's numbers, of a command line.
Read = Callable[[Sequence[str]], Tuple[Optional[int], Mapping[str, str]]]


@dataclasses.dataclass(frozen=True)
class Cell:
    """One row in one column: the same command with several seeds.

    Attributes:
        row: of the table.
        column: value of the column flag, '' if the row has no columns.
        flags: of the training command, without seed, folders and `--init_from`.
        steps: of one run, None if its other settings say how long it is.
        settings: as text, by name of the flag, what else decides over its numbers.
        folder: that holds the run folders.
        first: the cell whose run of the same seed must be finished before.
    """

    row: Row
    column: str
    flags: Tuple[str, ...]
    steps: Optional[int]
    settings: Mapping[str, str]
    folder: pathlib.Path
    first: Optional["Cell"] = None

    def run_folder(self, seed: int) -> pathlib.Path:
        """Where the run of a seed is."""
        column = in_paths(self.column)
        return self.folder / "-".join(filter(None, [column, f"seed{seed}"]))

    def command(self, seed: int) -> List[str]:
        """The arguments of the training command."""
        more = [f"--seed={seed}", f"--workdir={self.run_folder(seed)}"]
        if self.first is not None:
            more.append(f"--init_from={self.first.run_folder(seed)}")
        return [*self.flags, *more]

    def results(self, seed: int) -> Optional[Dict[str, Any]]:
        """`results.json` of a finished run, None while it is not.

        A run of other settings than the flagfile's of today is not finished: to start
        it says what differs.
        """
        path = self.run_folder(seed) / "results.json"
        try:
            found: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        flags = found.get("flags", {})
        for name, value in self.settings.items():
            # The run writes down what was left to it. A setting that is younger than
            # the run did not decide over it.
            left_open = name in _OF_A_RUN or value in ("auto", "none")
            if not left_open and flags.get(name, value) != value:
                return None
        return found if self.steps in (None, found.get("steps")) else None

    def finished(self) -> Dict[int, Dict[str, Any]]:
        """Results of all finished runs, by seed."""
        prefix = self.run_folder(0).name[:-1]
        seeds = sorted(
            int(path.name[len(prefix) :])
            for path in self.folder.glob(f"{prefix}*")
            if path.name[len(prefix) :].isdigit()
        )
        found = {seed: self.results(seed) for seed in seeds}
        return {seed: each for seed, each in found.items() if each is not None}

    def steps_done(self, seed: int) -> int:
        """How far the run of a seed is, by its last evaluation; 0 if nobody knows."""
        found = self.results(seed)
        if found is not None:
            return int(found["steps"])
        if self.steps is None:
            return 0
        try:
            text = (self.run_folder(seed) / "metrics.csv").read_text(encoding="utf-8")
            rows = list(csv.DictReader(text.splitlines()))
            return min(int(float(rows[-1]["step"])), self.steps) if rows else 0
        except (OSError, ValueError, KeyError):
            return 0

    def title(self, table: Table, seed: int) -> str:
        """The run in words: 'mean_teacher, labels 250, seed 1'."""
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
    """All cells of a table for which there is a flagfile, by row and column.

    Args:
        table: which.
        budget: one of `tables.BUDGETS`.
        folder: of the table's runs at this budget.
        read: reads a command line.
        common: flags that every run gets.
        weights: files of published weights by their kind, for the rows that start from
            them; a kind without a file is left out.

    Raises:
        UserError: if a flagfile or its opening is wrong; also of `read`.
    """
    found: Dict[Tuple[str, str], Cell] = {}

    def make(name: str, column: str, asked_by: Tuple[str, ...]) -> Cell:
        if (name, column) in found:
            return found[name, column]
        row = table.row(name, budget, column)
        if name in asked_by:
            raise UserError(
                f"{row.flagfile}: '# First: {row.first}' goes round in a circle"
            )
        flags = [f"--flagfile={row.flagfile}", *common]
        for flag, kind in row.weights.items():
            if weights.get(kind):
                flags.append(f"--{flag}={weights[kind]}")
        if column:
            flags.append(f"--{table.flag}={column}")
        first = None
        if row.first is not None:
            # A row of the table passes on its run of the same column. Any other is
            # made for the sake of this one, such as a network trained on other data.
            before = column if row.first in table.rows else ""
            first = make(row.first, before, (*asked_by, name))
        own = folder / name
        steps, settings = read([*flags, f"--workdir={own}"] + _init(first, own))
        cell = Cell(row, column, tuple(flags), steps, settings, own, first)
        found[name, column] = cell
        return cell

    for name in table.rows:
        if table.has(name, budget):
            for column in table.columns:
                same = name in table.one_run
                found[name, column] = make(
                    name, table.columns[0] if same else column, ()
                )
    return found


def _init(first: Optional[Cell], folder: pathlib.Path) -> List[str]:
    """The flag is read like the others, though its value depends on the seed."""
    return [] if first is None else [f"--init_from={folder}"]


def plan(chosen: Sequence[Cell], seeds: int, first: int = 1) -> List[Run]:
    """All runs of some cells, each after the one that it needs.

    Seed by seed, so that a whole table with one run in each cell comes first.

    Args:
        chosen: the cells.
        seeds: runs of each.
        first: seed of the first run, as the table has it.
    """
    runs: List[Run] = []

    def add(cell: Cell, seed: int) -> None:
        if cell.first is not None:
            add(cell.first, seed)
        if not any(cell is other and seed == number for other, number in runs):
            runs.append((cell, seed))

    for seed in range(first, first + seeds):
        for cell in chosen:
            add(cell, seed)
    return runs
