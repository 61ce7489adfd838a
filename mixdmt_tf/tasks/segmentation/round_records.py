"""What is noted of each round on scenes, and what the whole run ends with."""

from __future__ import annotations

import pathlib
from typing import Any, Dict, List, Mapping, Sequence

from mixdmt_tf.data.segmentation.source import short
from mixdmt_tf.rounds.plan import Stage
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.log import read_rows
from mixdmt_tf.tasks.classification.round_records import (
    Round,
    cases,
    of_stage,
    of_whole,
    write_table,
)


def of_round(
    stage: Stage,
    found: Mapping[str, Any],
    results: Mapping[str, Any],
    folder: pathlib.Path,
) -> Round:
    """One entry of `rounds` in `results.json`.

    Args:
        stage: the round of one model.
        found: of the pseudo labels that it learnt from (`loop.SceneLoop`).
        results: of its run.
        folder: of its run.

    Returns:
        `stage` (its name), `round`, `model`, `teacher`, `fraction` (percent);
        `pseudo_labels` (scenes), `share_labeled` (percent of their pixels),
        `pseudo_accuracy` and `accuracy_of_all` (percent of pixels), `share_by_class`;
        of the end of the round's training `cases` {agree, negative, positive} in
        percent of the pseudo-labelled pixels, and `mean_weight`; `weight_right` and
        `weight_wrong`, when the round began; `test_miou`, `validation_miou` and
        `..._raw` (percent); `steps`, `seed`, `seconds`. None where a method does not
        ask, or nobody knows.
    """
    last = read_rows(folder)[-1]
    shared = ("steps", "seed", "seconds", "test_iou")
    mious = [f"{s}_miou{e}" for s in ("test", "validation") for e in ("", "_raw")]
    return {
        **of_stage(stage),
        "pseudo_labels": found["scenes"],
        "share_labeled": found["share_labeled"],
        "pseudo_accuracy": found["accuracy"],
        "accuracy_of_all": found["accuracy_of_all"],
        "cases": cases(last),
        "mean_weight": last.get("train_weight"),
        "weight_right": found["weight_right"],
        "weight_wrong": found["weight_wrong"],
        **{name: results[name] for name in (*mious, *shared)},
        "share_by_class": found["share_by_class"],
    }


def warnings(
    found: Round, earlier: Sequence[Round], before: Mapping[str, Any]
) -> List[str]:
    """What got worse from one round to the next, in sentences.

    Args:
        found: the round.
        earlier: the round before of the same model, if there is one.
        before: results of the stage that it went on from.
    """
    name = found["stage"].replace("_", " ")
    sentences = []
    now = found["accuracy_of_all"]
    for each in earlier:
        then = each["accuracy_of_all"]
        if now is not None and then is not None and now < then:
            sentences.append(
                f"{name}: pseudo labels got worse, {now:.2f} % of all pixels are right "
                f"after {then:.2f} %"
            )
    miou, last = found["validation_miou"], before.get("validation_miou")
    if miou is not None and last is not None and miou < last:
        sentences.append(
            f"{name}: the mean IoU on validation fell from {last:.2f} to {miou:.2f} %; "
            "a smaller --learning_rate, smaller --fractions or fewer --rounds may help"
        )
    never = [c for c, share in found["share_by_class"].items() if share is None]
    if never and not earlier:
        sentences.append(
            f"{name}: {found['teacher']} found no pixel of {short(never)} in the "
            "unlabelled scenes"
        )
    return sentences


def write(path: pathlib.Path, rounds: Sequence[Round]) -> None:
    """Writes `rounds.csv`, one row for each round and model so far."""
    write_table(path, rounds, "test_iou")


def summarize(
    experiment: Experiment,
    results: Mapping[str, Mapping[str, Any]],
    rounds: Sequence[Round],
    warned: Sequence[str],
    final: str,
    bases: Sequence[str],
) -> Dict[str, Any]:
    """What `results.json` of the whole run holds.

    Args:
        experiment: of the whole.
        results: of all stages, by name, in their order.
        rounds: from `of_round`.
        warned: from `warnings`.
        final: the stage whose network is the result.
        bases: the stages that learnt from labels alone.

    Returns:
        The results of that stage, with `steps` and `seconds` of all stages that were
        trained for this run, `base_mious`, `result_of`, `warnings` and `rounds`.
    """
    outcome = {
        **of_whole(experiment, results, rounds, warned, final),
        "base_mious": {name: results[name]["test_miou"] for name in bases},
    }
    if experiment.run.compare_supervised:
        # The base models have learnt from the labels alone: the better one counts.
        best = max(bases, key=lambda name: results[name]["validation_miou"] or 0.0)
        outcome["supervised_miou"] = results[best]["test_miou"]
        outcome["supervised_miou_raw"] = results[best]["test_miou_raw"]
    return outcome
