"""`bin/precompute_augmentations`: make the augmented copies ahead of a run."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Mapping, Sequence

from mixdmt_tf.cli import beam, experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.data import part
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(beam.Engine):
    """Settings of the command itself, which are not part of the run."""

    shard: str = setting(
        "",
        "3/16: make the third of 16 parts only; the others are made by processes of "
        "their own, on other machines too if they share --cache_dir",
    )


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
        "same flags will read. An interrupted command resumes where it stopped.",
        more=(flags.group("command", "mixdmt_tf.cli.precompute_augmentations"),),
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    shard = part.parse(config.shard)
    dataset = str(parsed.values["data"]["dataset"])
    if experiments.task_of(dataset) == "segmentation":
        raise UsageError(
            f"--dataset={dataset}: images for segmentation are augmented whenever they "
            "are read, so there are no copies to make.\nUse bin/train right away."
        )
    if parsed.values["data"]["copies_store"] not in ("auto", "disk"):
        raise UsageError(
            f"--copies_store={parsed.values['data']['copies_store']}: expected auto or "
            "disk, since only a disk keeps the copies for later runs"
        )
    if config.runner:
        beam.run("precompute_augmentations", argv, config, config.shard)
        return
    experiment = experiments.build(parsed, find_data=True)
    images: Any = experiment.data
    data = dataclasses.replace(images, copies_store="disk")

    from mixdmt_tf.tasks.classification.task import Classification

    Classification(dataclasses.replace(experiment, data=data)).precompute(shard)
