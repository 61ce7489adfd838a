"""A tiny run in rounds of each task, as a user starts it, and what it left behind."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Dict

from mixdmt_tf.cli import train

SHARED = (
    *("--precision=float32", "--rounds=1", "--base_steps=3", "--round_steps=3"),
    *("--eval_every=3", "--checkpoint_every=3", "--log_every=1", "--noexport"),
    "--report=false",
    "--select_on=last",
)
CLASSIFICATION = (
    *("--dataset=digits", "--labels=20", "--validation=20", "--batch=2"),
    *("--network=small_cnn", "--base_batch=4", "--seed=3"),
)
SEGMENTATION = (
    *("--dataset=digit_scenes", "--labels=1/40", "--batch=1", "--base_batch=2"),
    *("--network=small_segmenter", "--width=4", "--depth=1", "--crop=25"),
    *("--unlabeled_ratio=2", "--seed=3"),
)
# Of an entry of `rounds`: what does not depend on how a library draws weights.
FACTS = ("stage", "teacher", "fraction", "steps", "seed", "pseudo_labels")


def run(folder: pathlib.Path, *flags: str) -> Dict[str, Any]:
    """Trains, and returns the facts and the numbers of the run.

    Returns:
        `split`, `stages` (settings of each stage's run that do not name a path) and
        `rounds`; `numbers`, which depend on the initial weights.
    """
    assert train.main([*flags, *SHARED, f"--workdir={folder}"], "dmt") == 0
    results = json.loads((folder / "results.json").read_text())
    stages = {}
    for path in sorted(folder.glob("*/flags.txt")):
        lines = path.read_text().splitlines()
        kept = [each for each in lines if each.startswith("--") and "/" not in each]
        stages[path.parent.name] = sorted(kept)
    measure = "miou" if "test_miou" in results else "error"
    numbers = [results[f"test_{measure}"], results[f"test_{measure}_raw"]]
    for each in results["rounds"]:
        numbers += [each[f"test_{measure}"], each["pseudo_accuracy"]]
        numbers += [each["mean_weight"], *each["cases"].values()]
    return {
        "split": json.loads((folder / "split.json").read_text())["labeled"],
        "stages": stages,
        "rounds": [{name: e[name] for name in FACTS} for e in results["rounds"]],
        "numbers": numbers,
    }
