"""Records of the rounds of segmentation."""

from __future__ import annotations

import pathlib
from typing import Any, List, Mapping, Sequence

from mixdmt_tf.data.segmentation.source import short
from mixdmt_tf.rounds import records
from mixdmt_tf.rounds.hooks import Entry
from mixdmt_tf.rounds.plan import Stage


def round_entry(
    stage: Stage,
    found: Mapping[str, Any],
    results: Mapping[str, Any],
    folder: pathlib.Path,
) -> Entry:
    """Returns one entry of `rounds` in `results.json`.

    Args:
        stage: the round of one model.
        found: of the pseudo labels that it trained on (`rounds.Rounds`).
        results: of its run.
        folder: of its run.

    Returns:
        `stage` (its name), `round`, `model`, `teacher`, `fraction` (percent);
        `pseudo_labels` (images), `share_labeled` (percent of their pixels),
        `pseudo_accuracy` and `accuracy_of_all` (percent of pixels), `share_by_class`;
        at the end of the round's training: `cases` {agree, negative, positive} in
        percent of the pseudo-labelled pixels, and `mean_weight`; when the round began:
        `weight_right` and `weight_wrong`; `test_miou`, `validation_miou` and `..._raw`
        (percent); `steps`, `seed`, `seconds`. Values that the method doesn't compute,
        or that need unknown true labels, are None.
    """
    shared = ("steps", "seed", "seconds", "test_iou")
    mious = [f"{s}_miou{e}" for s in ("test", "validation") for e in ("", "_raw")]
    return {
        **records.stage_facts(stage),
        "pseudo_labels": found["scenes"],
        "share_labeled": found["share_labeled"],
        "pseudo_accuracy": found["accuracy"],
        "accuracy_of_all": found["accuracy_of_all"],
        **records.training_facts(folder),
        "weight_right": found["weight_right"],
        "weight_wrong": found["weight_wrong"],
        **{name: results[name] for name in (*mious, *shared)},
        "share_by_class": found["share_by_class"],
    }


def warnings(
    entry: Entry, earlier: Sequence[Entry], before: Mapping[str, Any]
) -> List[str]:
    """Returns warnings about what got worse from one round to the next.

    Args:
        entry: of the round.
        earlier: of the same model's previous round, if there is one.
        before: results of the stage that it continued.
    """
    name = entry["stage"].replace("_", " ")
    sentences = records.worse_labels(entry, earlier, " pixels")
    miou, last = entry["validation_miou"], before.get("validation_miou")
    if miou is not None and last is not None and miou < last:
        sentences.append(
            f"{name}: the mean IoU on validation fell from {last:.2f} to {miou:.2f} %; "
            "a smaller --learning_rate, smaller --fractions or fewer --rounds may help"
        )
    never = [c for c, share in entry["share_by_class"].items() if share is None]
    if never and not earlier:
        sentences.append(
            f"{name}: {entry['teacher']} found no pixel of {short(never)} in the "
            "unlabelled images"
        )
    return sentences


def write(path: pathlib.Path, entries: Sequence[Entry]) -> None:
    """Writes `rounds.csv`, one row for each round and model so far."""
    records.write_csv(path, entries, "test_iou")
