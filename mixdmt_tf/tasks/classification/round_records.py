"""Records of the rounds of image classification."""

from __future__ import annotations

import pathlib
from typing import Any, List, Mapping, Sequence

from mixdmt_tf.rounds import records
from mixdmt_tf.rounds.hooks import Entry
from mixdmt_tf.rounds.plan import Stage
from mixdmt_tf.runs.rows import read_rows
from mixdmt_tf.tasks.classification.labeling import Quality


def round_entry(
    stage: Stage, quality: Quality, results: Mapping[str, Any], folder: pathlib.Path
) -> Entry:
    """Returns one entry of `rounds` in `results.json`.

    Args:
        stage: the round.
        quality: of the pseudo labels that it trained on.
        results: of its run.
        folder: of its run.

    Returns:
        `stage` (its name), `round`, `model`, `teacher`, `fraction` (percent),
        `pseudo_labels` (their number), `pseudo_accuracy` (percent, of those),
        `accuracy_of_all` (whether kept or not), `lowest_confidence`, `bins` and
        `error_of_top` (`labeling.Quality`); at the end of the round's training: `cases`
        {agree, negative, positive}, in percent of the pseudo-labelled images seen then,
        and `mean_weight`, `weight_right`, `weight_wrong`; `test_error`,
        `validation_error` (percent, of EMA weights), `..._raw`; `steps`, `seed`,
        `seconds`. Values that the method doesn't compute, or that need unknown true
        labels, are None.
    """
    last = read_rows(folder)[-1]
    return {
        **records.stage_facts(stage),
        "pseudo_labels": quality.number,
        "pseudo_accuracy": quality.accuracy,
        "accuracy_of_all": quality.accuracy_of_all,
        "lowest_confidence": quality.lowest_confidence,
        **records.training_facts(folder),
        "weight_right": last.get("train_weight_right"),
        "weight_wrong": last.get("train_weight_wrong"),
        "test_error": results["test_error"],
        "test_error_raw": results["test_error_raw"],
        "validation_error": results["validation_error"],
        "steps": results["steps"],
        "seed": results["seed"],
        "seconds": results["seconds"],
        "bins": quality.bins,
        "error_of_top": quality.error_of_top,
    }


def warnings(
    entry: Entry, earlier: Sequence[Entry], before: Mapping[str, Any]
) -> List[str]:
    """Returns warnings about what got worse from one round to the next.

    Args:
        entry: of the round.
        earlier: of the same model's previous round, if there is one.
        before: results of the stage before.
    """
    sentences = records.worse_labels(entry, earlier, "")
    error, last = entry["validation_error"], before.get("validation_error")
    if error is not None and last is not None and error > last:
        name = entry["stage"].replace("_", " ")
        sentences.append(
            f"{name}: the validation error rose from {last:.2f} to {error:.2f} %"
        )
    return sentences


def write(path: pathlib.Path, entries: Sequence[Entry]) -> None:
    """Writes `rounds.csv`, one row for each round so far."""
    records.write_csv(path, entries, "error_of_top")
