"""Results of a hyperparameter search: a table of trials, and the best as flags."""

from __future__ import annotations

import csv
import io
import pathlib
from typing import Mapping, Sequence

from mixdmt_tf.files import write_atomically
from mixdmt_tf.settings import Value, to_text
from mixdmt_tf.tables.tuning import Trial


def write_table(folder: pathlib.Path, trials: Sequence[Trial], measure: str) -> None:
    """Writes `trials.csv`, with a line for each trial."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    names = list(trials[0].values) if trials else []
    writer.writerow(["trial", "state", measure, *names])
    for each in trials:
        whole = "failed" if each.score is None else "finished"
        state = "stopped early" if each.pruned else whole
        score = "" if each.score is None else f"{each.score:.4f}"
        writer.writerow([each.number, state, score, *each.values.values()])
    write_atomically(folder / "trials.csv", text.getvalue())


def flagfile(best: Trial, measure: str, trials: int, given: Mapping[str, Value]) -> str:
    """Formats the best settings as a flagfile.

    Args:
        best: the best trial.
        measure: the measure that was optimized.
        trials: number of trials.
        given: settings that were the same for all trials, by name.
    """
    words = measure.replace("_", " ").replace("miou", "mean IoU")
    lines = [f"# Best of {trials} trials: {words} {best.score:.2f} %."]
    lines += [f"--{name}={to_text(value)}" for name, value in given.items()]
    lines += [f"--{name}={text}" for name, text in best.values.items()]
    return "\n".join(lines) + "\n"
