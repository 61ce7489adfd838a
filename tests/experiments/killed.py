"""A session of a tiny run in a process of its own, which a signal may end.

python -m tests.experiments.killed WORKDIR MOMENT [FLAGS...]

MOMENT says when the process sends itself which signal: `progress:5:KILL` after step 5,
`write:6:KILL` in the middle of writing the checkpoint of step 6 (its files are there,
their digests are not), `rename:6:KILL` when only its renaming is left; `never`. A
session that gets to its end prints the digest of weights, optimizer and average.
"""

from __future__ import annotations

import os
import pathlib
import signal
import sys

from mixdmt_tf.cli import train
from mixdmt_tf.experiments import checkpoints
from tests.experiments import tiny


def main(workdir: str, moment: str, *more: str) -> int:
    """Trains; returns the command's exit code."""
    moments: tiny.Moments = {}
    if moment != "never":
        event, step, name = moment.split(":")
        strike = tiny.signals(signal.Signals[f"SIG{name}"])
        if event == "write":
            strike_before_writing(int(step), strike)
        elif event == "rename":
            strike_before_renaming(int(step), strike)
        else:
            moments[event, int(step)] = strike
    with tiny.Watch(moments) as watch:
        code = train.main(tiny.flags(pathlib.Path(workdir), *more))
        if code == 0:
            print("digest", watch.digest())
    return code


def strike_before_writing(step, strike):
    """Ends the process between the files of a checkpoint and their manifest."""
    write = checkpoints.write_atomically

    def write_or_die(path, text):
        if path.parent.name == f".step-{step:08d}.tmp":
            strike()
        write(path, text)

    checkpoints.write_atomically = write_or_die


def strike_before_renaming(step, strike):
    """Ends the process when a checkpoint is complete but not in its place."""
    rename = os.rename

    def rename_or_die(old, new):
        if pathlib.Path(new).name == f"step-{step:08d}":
            strike()
        rename(old, new)

    os.rename = rename_or_die


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
