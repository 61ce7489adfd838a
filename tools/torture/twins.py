"""Two runs of one seed side by side on a loaded machine: equal to the bit.

    .venv/bin/python -m tools.torture.twins [--trials=10] [--seed=N]

A trial is a pair of 100 steps in float32 and one in mixed_bfloat16, while processes
beside them use all processors.
"""

from __future__ import annotations

import collections
import os
import pathlib
import shutil
import signal
import sys
import tempfile
from typing import Counter, List

from tools.torture import commands

SETTINGS = (
    *("--dataset=digits", "--network=wide_resnet", "--depth=10", "--labels=20"),
    *("--validation=50", "--batch=16", "--steps=100", "--eval_every=100", "--copies=2"),
    *("--copies_store=virtual", "--noexport"),
)
BURNING = os.cpu_count() or 1  # processes that compute for nothing


def burn() -> int:
    """Starts a process that computes for nothing; returns its id."""
    pid = os.fork()
    if not pid:
        while True:
            sum(range(10**6))
    return pid


def equal(folder: pathlib.Path, precision: str, seed: int) -> bool:
    """Whether two runs of one seed, at the same time, end with the same bytes."""
    flags = (*SETTINGS, f"--precision={precision}", f"--seed={seed}")
    twins = [
        commands.Child("train", *flags, f"--workdir={folder / name}") for name in "ab"
    ]
    for each in twins:
        done = each.wait(3600)
        if done is None or done.code:
            sys.exit(f"training failed: {done and done.text}")
    one, other = (commands.facts(folder / name) for name in "ab")
    shutil.rmtree(folder)
    return one == other


def main(trials: int, seed: int) -> int:
    """Runs the trials; returns the exit code."""
    commands.prepare()
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    load = [burn() for _ in range(BURNING)]
    try:
        with tempfile.TemporaryDirectory(prefix="torture-") as place:
            for number in range(trials):
                for precision in ("float32", "mixed_bfloat16"):
                    folder = pathlib.Path(place) / "pair"
                    same = equal(folder, precision, seed + number)
                    counts[f"{precision} {'equal' if same else 'different'}"] += 1
                    if not same:
                        wrong.append(f"--seed={seed + number} in {precision}")
    finally:
        for pid in load:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return commands.finish("twins", trials, counts, wrong)


if __name__ == "__main__":
    found = commands.trials("twins", 10, __doc__)
    sys.exit(main(found.trials, found.seed % 10**6))
