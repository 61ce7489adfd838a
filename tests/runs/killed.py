"""A session of a tiny run in a process of its own, which a signal may end.

python -m tests.runs.killed WORKDIR MOMENT [FLAGS...]

MOMENT says when the process sends itself which signal: `progress:5:KILL` after step 5,
`write:6:KILL` in the middle of writing the checkpoint of step 6 (its files are there,
their digests are not), or `never`; `progress:5:KILL@1` is for the second of several
workers alone. A session that gets to its end prints the digest of
weights, optimizer and average.
"""

from __future__ import annotations

import pathlib
import signal
import sys
from typing import Callable

from mixdmt_tf.cli import train
from mixdmt_tf.runs import cluster, manifests
from tests.tasks.classification import tiny


def main(workdir: str, moment: str, *more: str) -> int:
    """Trains; returns the command's exit code."""
    moments: tiny.Moments = {}
    moment, _, worker = moment.partition("@")
    if moment != "never" and worker in ("", str(cluster.read().index)):
        event, step, name = moment.split(":")
        strike = tiny.signals(signal.Signals[f"SIG{name}"])
        if event == "write":
            strike_while_writing(int(step), strike)
        else:
            moments[event, int(step)] = strike
    with tiny.Watch(moments) as watch:
        code = train.main(tiny.flags(pathlib.Path(workdir), *more))
        if code == 0:
            print("digest", watch.digest())
    return code


def strike_while_writing(step: int, strike: Callable[[], None]) -> None:
    """Ends the process between the files of a checkpoint and their digests."""
    write = manifests.write_atomically

    def write_or_die(path: pathlib.Path, text: str) -> None:
        if path.parent.name == f".step-{step:08d}.tmp":
            strike()
        write(path, text)

    manifests.write_atomically = write_or_die


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
