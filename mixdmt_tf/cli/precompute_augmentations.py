"""`bin/precompute_augmentations`: make the augmented copies ahead of a run."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Sequence

from mixdmt_tf.cli import experiments
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_precompute, argv)


def command() -> None:
    """The installed command `mixdmt-precompute-augmentations`."""
    sys.exit(main(sys.argv[1:]))


def _precompute(argv: Sequence[str]) -> None:
    parsed = experiments.parse(
        argv,
        "precompute_augmentations",
        "Writes the augmented copies of the unlabelled images that a run with the\n"
        "same flags will read. An interrupted command goes on where it stopped.",
    )
    dataset = str(parsed.values["data"]["dataset"])
    if experiments.of_scenes(dataset):
        raise UsageError(
            f"--dataset={dataset}: scenes are augmented whenever they are read, so "
            "there are no copies to make.\nUse bin/train right away."
        )
    if parsed.values["data"]["copies_store"] not in ("auto", "disk"):
        raise UsageError(
            f"--copies_store={parsed.values['data']['copies_store']}: expected auto or "
            "disk, since only a disk keeps the copies for later runs"
        )
    experiment = experiments.build(parsed, find_data=True)
    images: Any = experiment.data
    data = dataclasses.replace(images, copies_store="disk")

    from mixdmt_tf.experiments import preparation

    preparation.precompute(dataclasses.replace(experiment, data=data))
