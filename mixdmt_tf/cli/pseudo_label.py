"""`bin/pseudo_label`: ask a trained run for labels of its unlabelled images."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import Any, Mapping, Sequence

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    output: str = setting(
        "", "file to write; default: WORKDIR/pseudo_labels.npz; must not exist"
    )
    fraction: float = setting(
        20.0, "percentage of the images to keep, the surest ones", low=0.0, high=100.0
    )
    count: str = setting(
        "exact",
        "exact: round(alpha N) pseudo labels; released: alpha N - 2, as DMT's release",
        choices=("exact", "released"),
    )
    weights: str = setting(
        "ema", "averaged weights or raw ones", choices=("ema", "raw")
    )
    checkpoint: str = setting(
        "last", "which; best: on the validation images", choices=("last", "best")
    )
    data_dir: str = setting(
        "", "where the data are, if not where they were in training"
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
        "Labels the unlabelled images of a run and keeps the surest.\n"
        "--pseudo_labels=FILE of bin/train learns from them.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.pseudo_label")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    if not config.fraction:
        raise UsageError("--fraction=0 keeps nothing; expected a number up to 100")
    folder, build = experiments.read_run(config.workdir)
    output = pathlib.Path(config.output or folder / "pseudo_labels.npz").expanduser()
    if output.exists():
        raise UsageError(
            f"--output={output} is there already.\nRemove it, or name another file."
        )
    if not output.parent.is_dir():
        raise UsageError(f"--output={output}: there is no folder {output.parent}")
    experiment = build()

    from mixdmt_tf.data import pseudo_labels
    from mixdmt_tf.experiments import labeling, trained

    model, source, split = trained.load_with_data(
        experiment, folder, config.checkpoint, config.data_dir
    )
    if not len(split.unlabeled):
        raise UsageError(f"--workdir={folder}: that run has no unlabelled images")
    share = config.fraction / 100
    found = labeling.label(model, source, split, share, config.count, config.weights)
    pseudo_labels.write(output, found, split)
    quality = labeling.quality(found, source.train.labels[found.ids])
    print(labeling.describe(quality, len(found.kept)))
    print(f"written to {output}")
