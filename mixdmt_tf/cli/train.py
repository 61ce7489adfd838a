"""`bin/train`, `bin/train_realmix`, `bin/train_dmt`: train, or go on training."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Optional, Sequence

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command itself, which are no part of the run."""

    dry_run: bool = setting(
        False,
        "go through everything once (copies, two steps, evaluation, checkpoint, "
        "resumption, export) on few images in a temporary folder",
    )


def main(argv: Sequence[str], algorithm: Optional[str] = None) -> int:
    """Runs the command.

    Args:
        argv: the arguments without the program's name.
        algorithm: the only one allowed, None for all.

    Returns:
        The exit code.
    """
    return run(lambda argv: _train(argv, algorithm), argv)


def command() -> None:
    """The installed command `mixdmt-train`."""
    sys.exit(main(sys.argv[1:]))


def command_realmix() -> None:
    """The installed command `mixdmt-train-realmix`."""
    sys.exit(main(sys.argv[1:], "realmix"))


def command_dmt() -> None:
    """The installed command `mixdmt-train-dmt`."""
    sys.exit(main(sys.argv[1:], "dmt"))


def _train(argv: Sequence[str], algorithm: Optional[str]) -> int:
    program = f"train_{algorithm}" if algorithm else "train"
    parsed = experiments.parse(
        argv,
        program,
        "Trains from few labels and many unlabelled images, which have a class each,\n"
        "or of scenes every pixel.\n"
        "The same command on the same --workdir goes on where it stopped.",
        algorithm,
        (flags.group("command", "mixdmt_tf.cli.train"),),
    )
    experiment = experiments.build(parsed, find_data=True)

    from mixdmt_tf.experiments import fit, rehearsal, results
    from mixdmt_tf.experiments.interrupts import Interrupted
    from mixdmt_tf.experiments.scenes import results as scene_results

    describe = scene_results.describe if experiment.scenes else results.describe

    try:
        if parsed.values["command"]["dry_run"]:
            print(describe(rehearsal.rehearse(experiment)))
            print("dry run complete: nothing was kept")
            return 0
        outcome = fit.train(experiment)
    except Interrupted as stop:
        rehearsed = parsed.values["command"]["dry_run"]
        message = "dry run stopped, nothing was kept" if rehearsed else stop
        print(message, file=sys.stderr)
        return stop.exit_code
    print(describe(outcome))
    folder = outcome["flags"]["workdir"]
    print(f"run folder: {folder}")
    if experiment.run.export:
        print(f"SavedModel: {os.path.join(folder, 'export')}")
    return 0
