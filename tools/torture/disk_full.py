"""A disk that is full at each kind of write: named, nothing lost, and on it goes.

    .venv/bin/python -m tools.torture.disk_full [--trials=60] [--seed=N]

A trial is a run on a disk in memory (tmpfs, which needs the rights to mount one) that
is given less room than the run takes, by an amount drawn at random, so that it is full
at the split, at a table, at a checkpoint, at pseudo labels, at the export. The command
must say so in words. Then there is room, and the same command must end with the results
and weights of a run that always had room.
"""

from __future__ import annotations

import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys
from typing import Any, Counter, Dict, List, Tuple

from tools.torture import commands, kills

PLACE = pathlib.Path("/tmp/torture-small-disk")
INSIDE = "MIXDMT_TORTURE_MOUNTS"  # set in a process whose mounts nobody else sees


def _room(nbytes: int, how: str = "") -> None:
    options = f"size={nbytes},mode=700" + how
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "torture", str(PLACE)], check=True
    )


def trial(name: str, nbytes: int, expected: Dict[str, Any]) -> Tuple[bool, List[str]]:
    """Whether a run filled a disk of this size, and what is wrong about it."""
    _room(nbytes)
    try:
        full = commands.run("train", *commands.training(name, PLACE))
        _room(1 << 30, ",remount")
        again = commands.run("train", *commands.training(name, PLACE))
        problems = []
        if not full.sound or len(full.text) > 20_000:
            problems.append(f"full disk: code {full.code}: {full.text[-500:]}")
        if again.code != 0:
            problems.append(f"with room: code {again.code}: {again.text[-500:]}")
        elif commands.facts(PLACE / "run") != expected:
            problems.append("with room: ended otherwise than on a disk with room")
        return full.code != 0, problems
    finally:
        subprocess.run(["umount", "-l", str(PLACE)], check=False)


def main(trials: int, seed: int) -> int:
    """Runs the trials; returns the exit code."""
    draw = random.Random(seed)
    counts: Counter[str] = collections.Counter()
    wrong: List[str] = []
    PLACE.mkdir(exist_ok=True)
    commands.prepare()
    reference = PLACE.with_name("torture-large-disk")
    shutil.rmtree(reference, ignore_errors=True)
    expected = kills.straight(reference)
    sizes = {
        name: sum(
            path.stat().st_size + 4096
            for path in (reference / name.replace(" ", "_")).rglob("*")
        )
        for name in expected
    }
    for _ in range(trials):
        name = draw.choice(list(expected))
        nbytes = int(sizes[name] * draw.uniform(0.02, 1.0))
        was_full, problems = trial(name, nbytes, expected[name][0])
        counts["full" if was_full else "had room"] += 1
        wrong += [f"{name}, {nbytes:,} bytes: {each}" for each in problems]
    shutil.rmtree(reference)
    return commands.finish("disk_full", trials, counts, wrong)


if __name__ == "__main__":
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        again = [sys.executable, "-m", "tools.torture.disk_full", *sys.argv[1:]]
        os.execvp("unshare", ["unshare", "-m", *again])
    found = commands.trials("disk_full", 60, __doc__)
    sys.exit(main(found.trials, found.seed))
