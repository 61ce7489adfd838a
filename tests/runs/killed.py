"""A session of a tiny run in a process of its own, which a signal may end.

python -m tests.runs.killed WORKDIR MOMENT [FLAGS...]

MOMENT says when the process sends itself which signal: `progress:5:KILL` after step 5,
`write:6:KILL` in the middle of writing the checkpoint of step 6 (its files are there,
their digests are not), or `never`; `progress:5:KILL@1` is for the second of several
workers alone, `evaluated:4:KILL@1` for it after its part of an evaluation. A session
that gets to its end prints the digest of weights, optimizer and average of the network
that it trained last.
"""

from __future__ import annotations

import pathlib
import signal
import sys
import time
from typing import Callable

from mixdmt_tf.cli import train
from mixdmt_tf.runs import cluster, manifests
from tests.tasks.classification import tiny

AFTER = 0.3  # seconds, in which the chief has what it needs for its evaluation


def main(workdir: str, moment: str, *more: str) -> int:
    """Trains; returns the command's exit code."""
    moments: tiny.Moments = {}
    moment, _, worker = moment.partition("@")
    if moment != "never" and worker in ("", str(cluster.read().index)):
        event, step, name = moment.split(":")
        strike = tiny.signals(signal.Signals[f"SIG{name}"])
        if event == "write":
            strike_while_writing(int(step), strike)
        elif event == "evaluated":
            moments[event, int(step)] = lambda: time.sleep(AFTER) or strike()
        else:
            moments[event, int(step)] = strike
    with tiny.Watch(moments) as watch:
        code = train.main(tiny.flags(pathlib.Path(workdir), *more))
        if code == 0:
            print("digest", watch.last_digest())
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
