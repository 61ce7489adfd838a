"""`bin/pseudo_label`: ask a trained run for labels of its unlabelled images."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Mapping, Sequence

from mixdmt_tf import addresses, remote
from mixdmt_tf.algorithms.parts import label_sources
from mixdmt_tf.cli import beam, experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.data import part
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import expanded
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(label_sources.LabelSource, beam.Engine):
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    output: str = setting(
        "",
        "file to write; default: WORKDIR/pseudo_labels.npz; must not exist. Of "
        "segmentation a folder; default: WORKDIR/pseudo_labels_by_hand; an unfinished "
        "one is continued",
    )
    fraction: float = setting(
        20.0,
        "percentage of the images to keep, the most confident ones; for segmentation, "
        "of the pixels of each class",
        low=0.0,
        high=100.0,
    )
    count: str = setting(
        "exact",
        "exact: round(alpha N) pseudo labels; released: alpha N - 2, as DMT's release; "
        "for segmentation floor(alpha n) + 1 of the n ranked pixels of a class; "
        "per_class: also for images, the most confident ones of each predicted class",
        choices=("exact", "released", "per_class"),
    )
    rank_every: int = setting(
        16,
        "segmentation: which pixels of an image are ranked to find each class's "
        "threshold: every 16th, as DMT's release, or all (1)",
        low=1,
    )
    figure_images: int = setting(
        0,
        "draw figure 1 of DMT, wrong labels among the most confident ones, for this "
        "many random unlabelled images (1,000 in the paper), beside the output; 0: no "
        "figure",
        low=0,
    )
    weights: str = setting(
        "ema", "averaged weights or raw ones", choices=("ema", "raw")
    )
    checkpoint: str = setting(
        "result",
        "which checkpoint; result: the one that the run's results and export belong "
        "to, which is the last unless the run has --snapshot=best; last: the newest; "
        "best: the best on the validation images",
        choices=("result", "last", "best"),
    )
    data_dir: str = setting(
        "", "where the data are, if not where they were in training"
    )
    shard: str = setting(
        "",
        "3/16: label the third of 16 parts of the images only; the others are labelled "
        "by processes of their own, and the last one to end writes the output",
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_label, argv)


def command() -> None:
    """The installed command `mixdmt-pseudo-label`."""
    sys.exit(main(sys.argv[1:]))


def _label(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "pseudo_label",
        "Labels the unlabelled images of a run, keeps the most confident images, or\n"
        "pixels (segmentation). --pseudo_labels=FILE of bin/train learns from them.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.pseudo_label")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    shard = part.parse(config.shard)
    if (shard or config.runner) and config.labeling == "graph":
        given = f"--shard={shard}" if shard else f"--runner={config.runner}"
        raise UsageError(
            f"{given}: a graph connects all images, so no part of them can be "
            "labelled alone.\nLeave it out, or use --labeling=network."
        )
    if not config.fraction:
        raise UsageError("--fraction=0 keeps nothing; expected a number up to 100")
    folder, build = experiments.read_run(config.workdir)
    if not addresses.is_address(config.output):
        output = expanded(config.output)
        if not output.parent.is_dir():
            raise UsageError(f"--output={output}: there is no folder {output.parent}")
    if config.runner:
        beam.run("pseudo_label", argv, config, config.shard, joins=True)
        return
    output = remote.written(config.output)
    experiment = build()

    from mixdmt_tf import tasks
    from mixdmt_tf.runs import splits, trained

    commands = tasks.commands(experiment)
    if not config.output:
        output = folder / commands.PSEUDO_LABELS
    commands.check_pseudo_label(output, parsed.given, folder)
    task = tasks.open_run(experiment, config.data_dir)
    model = trained.load(task, folder, config.checkpoint)
    split = splits.trained_on(task, folder, model)
    if not len(split.unlabeled):
        raise UsageError(f"--workdir={folder}: that run has no unlabelled images")
    if commands.pseudo_label(task, model, split, output, config, shard):
        print(f"written to {remote.shown(output)}")
