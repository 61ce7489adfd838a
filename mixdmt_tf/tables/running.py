"""Runs the cells of a table one after the other and estimates the duration.

Each run is a separate process with its own run folder, so a failure does not affect the
others. This module does not import TensorFlow.
"""

from __future__ import annotations

import pathlib
import statistics
from typing import Callable, FrozenSet, Optional, Sequence, Set, Tuple

from mixdmt_tf.progress import duration
from mixdmt_tf.tables.cells import Cell, Run
from mixdmt_tf.tables.child_process import Children
from mixdmt_tf.tables.table import Table

STOPPED = (130, 143)  # exit codes of an interrupted run


def seconds_left(run: Run, known: Sequence[Cell]) -> Optional[float]:
    """Estimates the remaining seconds of a run; None if unknown.

    The estimate uses the speed of finished runs of the same row, or else `table.ini`.

    Args:
        run: cell and seed.
        known: cells whose finished runs are considered.
    """
    cell, seed = run
    finished = [
        results
        for other in known
        if other.row.name == cell.row.name
        for results in other.finished().values()
    ]
    if cell.steps is None:
        if cell.results(seed) is not None:
            return 0.0
        whole = [results["seconds"] for results in finished]
        return statistics.median(whole) if whole else cell.seconds
    left = cell.steps - cell.steps_done(seed)
    if finished:
        speeds = [results["seconds"] / results["steps"] for results in finished]
        return statistics.median(speeds) * left
    return None if cell.seconds is None else cell.seconds * left / cell.steps


def cost_in_words(runs: Sequence[Run], known: Sequence[Cell]) -> str:
    """Describes the time left, as in 'about 3 h 05 min and 2 runs of unknown cost'."""
    left = [
        seconds_left((cell, seed), known)
        for cell, seed in runs
        if cell.results(seed) is None
    ]
    estimated = [each for each in left if each is not None]
    unknown = len(left) - len(estimated)
    words = [f"about {duration(sum(estimated))}"] if estimated else []
    if unknown:
        words.append(f"{unknown} run{'s' * (unknown > 1)} of unknown cost")
    return " and ".join(words) or "nothing left to do"


def execute(
    table: Table,
    runs: Sequence[Run],
    launch: Sequence[str],
    after: Callable[[Set[Tuple[str, str, int]]], None],
) -> int:
    """Executes all runs that are not finished, one after the other.

    Args:
        table: table of the runs.
        runs: cells and seeds, in the order of execution.
        launch: the training command, to which a run's arguments are added.
        after: called after each run that finished or failed, with the failed runs of
            this call as (row, column, seed).

    Returns:
        0; 1 if a run failed; the run's exit code if it was interrupted.
    """
    failed: Set[Tuple[str, str, int]] = set()
    with Children() as children:
        for number, (cell, seed) in enumerate(runs, start=1):
            title = f"[{number}/{len(runs)}] {cell.title(table, seed)}"
            if cell.results(seed) is not None:
                print(f"{title}: finished", flush=True)
                continue
            if cell.first is not None and cell.first.results(seed) is None:
                print(f"{title}: not run, {cell.first.row.name} failed", flush=True)
                failed.add((cell.row.name, cell.column, seed))
                after(failed)
                continue
            print(title, flush=True)
            children.wait_for(cell.run_folder(seed))
            if children.requested is not None:
                return _say_stopped(runs, 128 + children.requested)
            before = _traces(cell.run_folder(seed))
            code = 0
            if cell.results(seed) is None:  # else another process has finished it
                code = children.run([*launch, *cell.command(seed)])
            finished = code == 0 and cell.results(seed) is not None
            if not finished and code not in STOPPED:
                failed.add((cell.row.name, cell.column, seed))
                print(f"{title}: failed with exit code {code}", flush=True)
            if finished or code not in STOPPED:
                after(failed)
            if code in STOPPED or children.requested is not None:
                return _say_stopped(runs, code or 128 + (children.requested or 0))
            if code == 1 and _without_data(before, _traces(cell.run_folder(seed))):
                print("stopped: that run could not read its data", flush=True)
                return 1
    for cell, seed in runs:
        if (cell.row.name, cell.column, seed) in failed:
            print(f"failed: {cell.title(table, seed)}", flush=True)
    return 1 if failed else 0


def _say_stopped(runs: Sequence[Run], code: int) -> int:
    done = sum(cell.results(seed) is not None for cell, seed in runs)
    print(f"{done} of {len(runs)} runs finished; the same command resumes", flush=True)
    return code


_Traces = Tuple[int, FrozenSet[pathlib.Path]]


def _traces(folder: pathlib.Path) -> _Traces:
    """Returns traces in a run folder that show how far a run came.

    Returns:
        The time of `flags.txt`, which is written first, and the TensorBoard files,
        which are written once the data are loaded. Runs in rounds replace them.
    """
    try:
        claimed = (folder / "flags.txt").stat().st_mtime_ns
    except OSError:
        claimed = 0
    return claimed, frozenset(folder.glob("events.*"))


def _without_data(before: _Traces, after: _Traces) -> bool:
    """Whether a run ended before its data were loaded, but after it began."""
    return before[0] != after[0] and before[1] == after[1]
