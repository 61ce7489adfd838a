"""What is noted of each round, and what the whole run ends with."""

from __future__ import annotations

import csv
import io
import pathlib
from typing import Any, Dict, List, Mapping, Optional, Sequence

from mixdmt_tf.algorithms.classification.dmt import CASES
from mixdmt_tf.files import write_atomically
from mixdmt_tf.rounds.plan import Stage
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.log import Row, read_rows
from mixdmt_tf.runs.results import versions
from mixdmt_tf.tasks.classification.labeling import Quality

Round = Dict[str, Any]


def of_round(
    stage: Stage, quality: Quality, results: Mapping[str, Any], folder: pathlib.Path
) -> Round:
    """One entry of `rounds` in `results.json`.

    Args:
        stage: the round.
        quality: of the pseudo labels that it learnt from.
        results: of its run.
        folder: of its run.

    Returns:
        `stage` (its name), `round`, `model`, `teacher`, `fraction` (percent),
        `pseudo_labels` (their number), `pseudo_accuracy` (percent, of those),
        `accuracy_of_all` (whether kept or not), `lowest_confidence`, `bins` and
        `error_of_top` (`labeling.Quality`); of the end of the round's training, in
        percent of the pseudo-labelled images seen there, `cases` {agree, negative,
        positive}, and `mean_weight`, `weight_right`, `weight_wrong`; `test_error`,
        `validation_error` (percent, of averaged weights), `..._raw`; `steps`, `seed`,
        `seconds`. None where a method does not ask, or nobody knows.
    """
    last = read_rows(folder)[-1]
    return {
        **of_stage(stage),
        "pseudo_labels": quality.number,
        "pseudo_accuracy": quality.accuracy,
        "accuracy_of_all": quality.accuracy_of_all,
        "lowest_confidence": quality.lowest_confidence,
        "cases": cases(last),
        "mean_weight": last.get("train_weight"),
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


def of_stage(stage: Stage) -> Dict[str, Any]:
    """What the plan says of a round, for `of_round`."""
    return {
        "stage": stage.name,
        "round": stage.round,
        "model": stage.model,
        "teacher": stage.teacher,
        "fraction": round(100 * stage.fraction, 4),
    }


def cases(row: Row) -> Dict[str, Optional[float]]:
    """How often each case of Eq. 6 was at an evaluation, percent; None: not asked."""
    shares = {case: row.get(f"train_{case}") for case in CASES}
    return {k: None if share is None else 100 * share for k, share in shares.items()}


def warnings(
    found: Round, earlier: Sequence[Round], before: Mapping[str, Any]
) -> List[str]:
    """What got worse from one round to the next, in sentences.

    Args:
        found: the round.
        earlier: the round before of the same model, if there is one.
        before: results of the stage before.
    """
    name = found["stage"].replace("_", " ")
    sentences = []
    now = found["accuracy_of_all"]
    for each in earlier:
        then = each["accuracy_of_all"]
        if now is not None and then is not None and now < then:
            sentences.append(
                f"{name}: pseudo labels got worse, {now:.2f} % of all are right after "
                f"{then:.2f} %"
            )
    error, last = found["validation_error"], before.get("validation_error")
    if error is not None and last is not None and error > last:
        sentences.append(
            f"{name}: the validation error rose from {last:.2f} to {error:.2f} %"
        )
    return sentences


def write(path: pathlib.Path, rounds: Sequence[Round]) -> None:
    """Writes `rounds.csv`, one row for each round so far."""
    write_table(path, rounds, "error_of_top")


def write_table(path: pathlib.Path, rounds: Sequence[Round], several: str) -> None:
    """Writes `rounds.csv`.

    Args:
        path: the run's folder.
        rounds: one row each; what has several parts is left out.
        several: but for this entry, and the cases, of which each part has a column.
    """
    rows = []
    for each in rounds:
        row = {k: v for k, v in each.items() if not isinstance(v, (dict, list))}
        row.update(each["cases"])
        row.update({f"{several}_{part}": v for part, v in each[several].items()})
        rows.append({k: "" if v is None else v for k, v in row.items()})
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path / "rounds.csv", text.getvalue())


def summarize(
    experiment: Experiment,
    results: Mapping[str, Mapping[str, Any]],
    rounds: Sequence[Round],
    warned: Sequence[str],
    final: str,
) -> Dict[str, Any]:
    """What `results.json` of the whole run holds.

    Args:
        experiment: of the whole.
        results: of all stages, by name, in their order.
        rounds: from `of_round`.
        warned: from `warnings`.
        final: the stage whose network is the result.

    Returns:
        The results of that stage, with `steps` and `seconds` of all stages that were
        trained for this run, `base_error` and `base_error_raw` of the (first) base
        model, `result_of`, `warnings` and `rounds`.
    """
    base = next(iter(results.values()))
    outcome = {
        **of_whole(experiment, results, rounds, warned, final),
        "base_error": base["test_error"],
        "base_error_raw": base["test_error_raw"],
    }
    if experiment.run.compare_supervised:
        # The base model has learnt from the labels alone.
        outcome["supervised_error"] = base["test_error"]
        outcome["supervised_error_raw"] = base["test_error_raw"]
    return outcome


def of_whole(
    experiment: Experiment,
    results: Mapping[str, Mapping[str, Any]],
    rounds: Sequence[Round],
    warned: Sequence[str],
    final: str,
) -> Dict[str, Any]:
    """What the results of every run in rounds hold; arguments of `summarize`."""
    first = next(iter(results))
    trained = [
        each
        for name, each in results.items()
        if not (experiment.run.init_from and name == first)  # a base that was given
    ]
    return {
        **results[final],
        "algorithm": experiment.algorithm,
        "seed": experiment.run.seed,
        "steps": sum(each["steps"] for each in trained),
        "seconds": round(sum(each["seconds"] for each in trained), 1),
        "result_of": final,
        "warnings": list(warned),
        "rounds": list(rounds),
        "versions": versions(),
        "flags": experiment.to_flags(),
    }
