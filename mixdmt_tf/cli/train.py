"""`bin/train`, `bin/train_realmix`, `bin/train_dmt`: train, or resume training."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any, Mapping, Optional, Sequence

from mixdmt_tf import addresses
from mixdmt_tf.cli import automatic, experiments, flags
from mixdmt_tf.cli.experiments import read_run
from mixdmt_tf.cli.main import run as run_command
from mixdmt_tf.errors import UsageError
from mixdmt_tf.runs import cluster
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command itself, which are not part of the run."""

    dry_run: bool = setting(
        False,
        "go through everything once (copies, two steps, evaluation, checkpoint, "
        "resumption, export) on few images in a temporary folder",
    )


def main(argv: Sequence[str], algorithm: Optional[str] = None) -> int:
    """Runs the command.

    Args:
        argv: the arguments without the program's name.
        algorithm: the only method allowed; None for all.

    Returns:
        The exit code.
    """
    return run_command(lambda argv: _train(argv, algorithm), argv)


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
        "Trains a classifier or a segmentation network from few labels and many\n"
        "unlabelled images. The same command on the same --workdir resumes the run.",
        algorithm,
        (flags.group("command", "mixdmt_tf.cli.train"),),
    )
    run, only_dry = parsed.values["run"], parsed.values["command"]["dry_run"]
    _require_alone(run, bool(only_dry))
    experiment = experiments.build(parsed, find_data=True)

    if parsed.automatic:
        print(automatic.shown(parsed, _known(experiment)), end="", flush=True)
    from mixdmt_tf.runs.interrupts import Interrupted
    from mixdmt_tf.tasks import open_task, together
    from mixdmt_tf.tasks.dry_run import dry_run

    describe = open_task(experiment).describe
    try:
        if only_dry:
            print(describe(dry_run(experiment)))
            print("dry run complete: nothing was kept")
            return 0
        outcome = together.train(experiment, lambda folder: read_run(folder)[1]())
    except Interrupted as stop:
        message = "dry run stopped, nothing was kept" if only_dry else stop
        print(message, file=sys.stderr)
        return stop.exit_code
    if outcome is None:  # the chief prints the results
        return 0
    print(describe(outcome))
    folder = outcome["flags"]["workdir"]
    print(f"run folder: {folder}")
    if experiment.run.export:
        print(f"SavedModel: {os.path.join(folder, 'export')}")
    return 0


def _known(experiment: Any) -> Mapping[str, str]:
    """Returns settings that depend on the data, as text by flag."""
    if experiment.task != "classification":
        return {}
    from mixdmt_tf.settings import to_text
    from mixdmt_tf.tasks.classification import preparation

    data: Any = preparation.sized(experiment).data
    return {"image_size": to_text(data.image_size)}


def _require_alone(run: Mapping[str, Any], only_dry: bool) -> None:
    """Refuses flags that don't work on several machines, if there are several."""
    together = cluster.of_run(run["strategy"])
    if together.several and addresses.is_address(run["workdir"]):
        raise UsageError(
            f"--workdir={run['workdir']}: TF_CONFIG lists several machines, which need "
            "a folder that all of them see.\nGive one that is mounted on each."
        )
    for flag, given in (("dry_run", only_dry), ("max_minutes", run["max_minutes"])):
        if together.several and given:
            raise UsageError(
                f"--{flag} works on a single machine, but TF_CONFIG lists "
                f"{len(together.addresses)}.\nUse it without TF_CONFIG first."
            )
