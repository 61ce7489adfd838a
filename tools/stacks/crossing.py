"""A run that one stack began and the other continues.

Both directions, each method of `RUNS`: half of the steps on one stack, the other half
once on each. What is restored must be the same, so the losses of the second half may
differ by no more than those of `compare.py`.
"""

from __future__ import annotations

import csv
import pathlib
import shutil
import subprocess
from typing import Dict, List, Sequence

from tools.stacks import compare, environments

HALF = 4
COMMON = (
    *("--precision=float32", "--noexport", "--report=false", "--log_every=1"),
    *(f"--eval_every={HALF}", f"--checkpoint_every={HALF}", "--batch=4"),
)
# Adam, a teacher and augmented copies; momentum and an adversary, of the other task.
RUNS: Dict[str, Sequence[str]] = {
    "mean_teacher": (
        *("--dataset=digits", "--network=wide_resnet", "--depth=10", "--width=1"),
        *("--labels=20", "--validation=20"),
    ),
    "s4gan": (
        *("--dataset=digit_scenes", "--network=small_segmenter", "--width=4"),
        *("--depth=1", "--crop=25", "--labels=8", "--discriminator_layers=3"),
    ),
}
_TRAIN = (
    "import sys; from mixdmt_tf.cli import train; sys.exit(train.main(sys.argv[1:]))"
)


def train(python: str, name: str, steps: int, folder: pathlib.Path) -> None:
    """Trains a method up to a step, on the stack of an interpreter.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    flags = [f"--algorithm={name}", *RUNS[name], *COMMON]
    subprocess.run(
        [python, "-c", _TRAIN, *flags, f"--steps={steps}", f"--workdir={folder}"],
        cwd=environments.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )


def rows(folder: pathlib.Path) -> List[Dict[str, str]]:
    """The rows of a run's `metrics.csv`."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def furthest(one: pathlib.Path, other: pathlib.Path) -> float:
    """How far the losses of two runs are apart, in multiples of what is allowed."""
    relative, absolute = compare.LOSSES
    far = 0.0
    for a, b in zip(rows(one), rows(other)):
        for key in (each for each in a if each.startswith("loss")):
            x, y = float(a[key]), float(b[key])
            far = max(far, abs(x - y) / (absolute + relative * abs(x)))
    return far


def main(pythons: Sequence[str], folder: pathlib.Path) -> int:
    """Continues runs of each stack on both; returns the exit code."""
    failed = 0
    for name in RUNS:
        for begins, ends in (pythons, pythons[::-1]):
            stayed, crossed = folder / "stayed", folder / "crossed"
            for each in (stayed, crossed):
                shutil.rmtree(each, ignore_errors=True)
            try:
                train(begins, name, HALF, stayed)
                shutil.copytree(stayed, crossed)
                train(begins, name, 2 * HALF, stayed)
                train(ends, name, 2 * HALF, crossed)
            except subprocess.CalledProcessError as error:
                print(error.stdout)
                print(f"{name}: could not be trained or continued")
                failed = 1
                continue
            far = furthest(stayed, crossed)
            print(
                f"{name}, begun by {begins}: continued by the other, losses at "
                f"{100 * far:.2g} % of the tolerance"
            )
            failed |= not far <= 1
    return int(failed)
