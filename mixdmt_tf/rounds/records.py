"""Records of rounds and the results of whole runs, for both tasks."""

from __future__ import annotations

import csv
import io
import pathlib
from typing import Any, Dict, List, Mapping, Sequence

from mixdmt_tf import digests
from mixdmt_tf.algorithms.parts.weighting import CASES
from mixdmt_tf.files import cell
from mixdmt_tf.rounds.hooks import Entry, Results
from mixdmt_tf.rounds.plan import Stage
from mixdmt_tf.runs.environment import versions
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.rows import read_rows


def stage_facts(stage: Stage) -> Entry:
    """Returns the part of a round's record that comes from the plan.

    `fraction` is in percent.
    """
    return {
        "stage": stage.name,
        "round": stage.round,
        "model": stage.model,
        "teacher": stage.teacher,
        "fraction": round(100 * stage.fraction, 4),
    }


def training_facts(folder: pathlib.Path) -> Entry:
    """Returns what the method reported at the end of a round's training.

    Args:
        folder: folder of the round's run.

    Returns:
        `cases` {agree, negative, positive} of Eq. 6, in percent, and `mean_weight` of
        the pseudo labels; None for values that the method does not report.
    """
    last = read_rows(folder)[-1]
    shares = {case: last.get(f"train_{case}") for case in CASES}
    return {
        "cases": {k: None if s is None else 100 * s for k, s in shares.items()},
        "mean_weight": last.get("train_weight"),
    }


def worse_labels(entry: Entry, earlier: Sequence[Entry], units: str) -> List[str]:
    """Returns a warning if pseudo labels got worse from one round to the next.

    Args:
        entry: the round's record.
        earlier: the record of the same model's previous round, if there is one.
        units: the unit that is counted: '' for images, or ' pixels'.
    """
    sentences = []
    now = entry["accuracy_of_all"]
    for each in earlier:
        then = each["accuracy_of_all"]
        if now is not None and then is not None and now < then:
            sentences.append(
                f"{entry['stage'].replace('_', ' ')}: pseudo labels got worse, "
                f"{now:.2f} % of all{units} are right after {then:.2f} %"
            )
    return sentences


def write_csv(path: pathlib.Path, entries: Sequence[Entry], parts_of: str) -> None:
    """Writes `rounds.csv`, with one row for each round and model so far.

    Args:
        path: the run's folder.
        entries: records of the rounds. Nested items are left out, except the cases and
            `parts_of`.
        parts_of: key of the nested item whose parts get a column each.
    """
    rows = []
    for each in entries:
        row = {k: v for k, v in each.items() if not isinstance(v, (dict, list))}
        row.update(each["cases"])
        row.update({f"{parts_of}_{part}": v for part, v in each[parts_of].items()})
        rows.append({cell(k): "" if v is None else v for k, v in row.items()})
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    digests.write(path / "rounds.csv", text.getvalue())


def run_summary(
    experiment: Experiment,
    results: Mapping[str, Results],
    entries: Sequence[Entry],
    warnings: Sequence[str],
    final: str,
    bases: Mapping[str, Any],
) -> Dict[str, Any]:
    """Returns the content of `results.json` of a run in rounds.

    Args:
        experiment: settings of the whole run.
        results: results of all stages, by name, in training order.
        entries: records of the rounds.
        warnings: warnings of the rounds.
        final: name of the stage whose network is the result.
        bases: the task's entries for the base models.

    Returns:
        The results of the final stage, with `steps` and `seconds` of all stages that
        were trained for this run, `result_of`, `base_algorithm`, `warnings`, `rounds`,
        and the entries of `bases`.
    """
    first = next(iter(results))
    trained = [
        each
        for name, each in results.items()
        if not (experiment.run.init_from and name == first)  # base model not trained
    ]
    return {
        **results[final],
        "algorithm": experiment.algorithm,
        "seed": experiment.run.seed,
        "steps": sum(each["steps"] for each in trained),
        "seconds": round(sum(each["seconds"] for each in trained), 1),
        "result_of": final,
        "base_algorithm": results[first]["algorithm"],
        "warnings": [*results[final].get("warnings", []), *warnings],
        "rounds": list(entries),
        "versions": versions(),
        "flags": experiment.to_flags(),
        **bases,
    }
