"""The cells of a table and their training runs.

Which runs are finished is read from the run folders. TensorFlow is not imported here.
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
    """The first setting that a finished run had another value of, None if none.

    Args:
        results: its `results.json`.
        settings: what its numbers depend on, as text by flag.
    """
    flags = results.get("flags", {})
    for name, value in settings.items():
        # For 'auto' and 'none' the run records the value it chose. A setting added
        # after the run was made is missing there and did not affect it.
        left_open = name in _OF_A_RUN or value in ("auto", "none")
        if not left_open and flags.get(name, value) != value:
            return name
    return None


@dataclasses.dataclass(frozen=True)
class Cell:
    """One row in one column: the same command with several seeds.

    Attributes:
        row: of the table.
        column: value of the column flag, '' if the row has no columns.
        flagfile: of the row at the budget and in the column.
        flags: of the training command, without seed, folders and `--init_from`.
        steps: of one run, None if other settings determine its length.
        settings: other settings that its numbers depend on, as text by flag.
        folder: that holds the run folders.
        weights: kinds of published weights that its networks start from.
        seconds: estimated duration of one run, None if it is unknown.
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
        """The run folder of a seed."""
        column = in_paths(self.column)
        return self.folder / "-".join(filter(None, [column, f"seed{seed}"]))

    def command(self, seed: int) -> List[str]:
        """The arguments of the training command."""
        more = [f"--seed={seed}", f"--workdir={self.run_folder(seed)}"]
        if self.first is not None:
            more.append(f"--init_from={self.first.run_folder(seed)}")
        return [*self.flags, *more]

    def results(self, seed: int) -> Optional[Dict[str, Any]]:
        """`results.json` of a finished run, None if it is not finished.

        A run counts as finished only if it has the steps and settings that the flagfile
        has now. Otherwise it is started again, and `bin/train` says what differs.
        """
        path = self.run_folder(seed) / "results.json"
        try:
            results = digests.read_json(path)
        except (OSError, digests.Damaged):
            return None
        if changed(results, self.settings):
            return None
        return results if self.steps in (None, results.get("steps")) else None

    def finished(self) -> Dict[int, Dict[str, Any]]:
        """Results of all finished runs, by seed."""
        prefix = self.run_folder(0).name[:-1]
        seeds = sorted(
            int(path.name[len(prefix) :])
            for path in self.folder.glob(f"{prefix}*")
            if path.name[len(prefix) :].isdigit()
        )
        results = {seed: self.results(seed) for seed in seeds}
        return {seed: each for seed, each in results.items() if each is not None}

    def steps_done(self, seed: int) -> int:
        """Steps of the run of a seed at its last evaluation, 0 if that is unknown."""
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
        """Name of a run in messages: 'mean_teacher, labels 250, seed 1'."""
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
    """The cells of a table that have a flagfile, by row and column.

    Args:
        table: the definition.
        budget: one of `BUDGETS`.
        folder: of the table's runs at this budget.
        read: reads a command line.
        common: flags that every run gets.
        weights: files of published weights by kind, for the rows that start from them
            at the paper's budget; a kind without a file is left out.

    Raises:
        UserError: if a flagfile is wrong; raised by `read`.
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
            # A row of the table passes on its run of the same column. A run that is no
            # row, such as pre-training on other data, has no columns.
            first = make(row.first, column if row.first in table.rows else "")
        own = folder / name
        # The value of --init_from depends on the seed, but the flag is read here too.
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
    """The runs of some cells, each after the run that it starts from.

    Seed by seed, so that one run of each cell comes before the second of any.

    Args:
        chosen: the cells.
        seeds: runs of each.
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
