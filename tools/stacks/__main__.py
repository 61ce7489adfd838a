"""Both stacks, TensorFlow 2.15 with Keras 2 and TensorFlow 2.21 with Keras 3, compared.

    .venv/bin/python -m tools.stacks [--quick] [--only=dmt] [--keep=DIR]

Each stack runs in an environment and processes of its own and writes what it computed
to a file (`record.py`); the files are compared here (`compare.py`). Then a run that one
stack began is continued by the other, in both directions (`crossing.py`).
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import List

from tools.stacks import compare, crossing, environments

STEPS, QUICK_STEPS = 50, 2


def main(arguments: List[str]) -> int:
    """Runs all comparisons; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.stacks", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_STEPS} steps, not {STEPS}, and half of the crossing runs",
    )
    parser.add_argument("--only", default="", help="methods whose task/name has this")
    parser.add_argument("--keep", help="folder for the files; default: a temporary one")
    options = parser.parse_args(arguments)
    stack = environments.other_stack()
    python = environments.find(stack)
    if python is None:
        print(environments.none_here(stack), file=sys.stderr)
        return environments.NONE_HERE
    pythons = [sys.executable, str(environments.make(stack, python))]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(options.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        steps = QUICK_STEPS if options.quick else STEPS
        files = []
        for number, each in enumerate(pythons):
            begin = time.monotonic()
            files.append(str(folder / f"stack{number}.npz"))
            _record(each, files[-1], steps, options.only)
            seconds = time.monotonic() - begin
            print(f"{each}: {steps} steps of every method in {seconds:.0f} s")
        failed = compare.main(files)
        return crossing.main(pythons, folder, options.quick) or failed


def _record(python: str, out: str, steps: int, only: str) -> None:
    command = [python, "-m", "tools.stacks.record", out]
    command += [f"--steps={steps}", f"--only={only}"]
    subprocess.run(
        command, cwd=environments.ROOT, stdout=subprocess.DEVNULL, check=True
    )


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as failed_command:  # which has said why
        sys.exit(failed_command.returncode)
