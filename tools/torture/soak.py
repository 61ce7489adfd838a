"""A long run: memory and open files must not grow.

    .venv/bin/python -m tools.torture.soak [--trials=10000] [--seed=N] [--rounds=N]

A trial is a step. With --rounds they are those of DMT, a base model and so many rounds,
each of which builds networks and graphs of its own and labels images. Memory and open
files of the training process are looked at twice a second; the slope over the second
half of the run is what counts, since the first half has the compilation and filling of
caches. glibc gives some megabytes back to the system and takes them again, so it is the
median of the slopes between all pairs of moments (Theil-Sen).
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import tempfile
import time
from typing import List, Tuple

import numpy as np

from tools.torture import commands

SLOPE = 1.0  # MB for 1,000 steps
EVERY = 0.5  # seconds between two looks
PAGE = os.sysconf("SC_PAGE_SIZE")


def watched(child: commands.Child) -> Tuple[commands.Outcome, List[Tuple[float, ...]]]:
    """Lets a command end; (seconds, bytes in memory, open files) on the way."""
    seen: List[Tuple[float, ...]] = []
    began = time.monotonic()
    place = pathlib.Path("/proc") / str(child.pid)
    while True:
        done = child.wait(EVERY)
        if done is not None:
            return done, seen
        try:
            pages = int((place / "statm").read_text().split()[1])
            files = len(list((place / "fd").iterdir()))
        except OSError:
            continue
        if pages:  # not between its end and our waiting for it
            seen.append((time.monotonic() - began, pages * PAGE, files))


def slope(seconds: np.ndarray, values: np.ndarray) -> float:
    """The median slope between all pairs of points, for a second."""
    first, second = np.triu_indices(len(seconds), 1)
    rise = values[second] - values[first]
    return float(np.median(rise / (seconds[second] - seconds[first])))


def flags_of(trials: int, rounds: int) -> List[str]:
    """The flags of a run of so many steps; 0 rounds: RealMix."""
    usual = [each for each in commands.DIGITS if not each.startswith("--log_every")]
    flags = [*usual, "--noexport", "--noreport", "--checkpoint_every=1000"]
    if not rounds:
        more = ("--copies=2", "--copies_store=virtual", f"--steps={trials}")
        return [*flags, *more, f"--eval_every={max(1, trials // 50)}"]
    each = max(1, trials // (rounds + 1))
    own = ("--algorithm=dmt", f"--rounds={rounds}", "--base_batch=8", "--augment=none")
    lengths = (f"--base_steps={each}", f"--round_steps={each}", f"--eval_every={each}")
    return [*flags, *own, *lengths, "--unlabeled_ratio=2"]


def main(trials: int, seed: int, rounds: int = 0) -> int:
    """Runs the trials; returns the exit code."""
    commands.prepare()
    flags = (*flags_of(trials, rounds), f"--seed={seed}")
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        child = commands.Child("train", *flags, f"--workdir={folder}/run")
        done, seen = watched(child)
    wrong = [] if done.code == 0 else [done.text[-500:]]
    late = np.array(seen[len(seen) // 2 :])
    early_files, late_files = (
        np.median(part[:, 2]) for part in np.array_split(late, 2)
    )
    rate = slope(late[:, 0], late[:, 1]) * late[-1, 0] / trials * 1000 / 1e6
    if rate > SLOPE:
        wrong.append(f"{rate:.2f} MB for 1,000 steps")
    if late_files > early_files:
        wrong.append(f"open files: {early_files:.0f}, then {late_files:.0f}")
    print(f"{rate:+.3f} MB for 1,000 steps, {late[-1, 1] / 1e6:,.0f} MB at the end")
    if rounds:
        print(f"{rate * trials / (rounds + 1) / 1000:+.3f} MB for a round")
    return commands.finish("soak", trials, {"open files": int(late_files)}, wrong)


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(add_help=False)
    PARSER.add_argument("--rounds", type=int, default=0)
    ROUNDS, sys.argv[1:] = PARSER.parse_known_args()
    found = commands.trials("soak", 10_000, __doc__)
    sys.exit(main(found.trials, found.seed, ROUNDS.rounds))
