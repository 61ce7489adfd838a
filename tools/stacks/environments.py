"""A Python environment of the other stack beside this one.

    .venv/bin/python -m tools.stacks.environments

Makes `.venv-keras2` or `.venv-keras3`, whichever this Python is not of, from any Python
on the PATH or among pyenv's that has that stack, and prints its interpreter. The exit
code is 3, after a sentence on stderr, if there is no such Python here.
"""

from __future__ import annotations

import glob
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Dict, Iterator, Optional, Tuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The Pythons of each stack by what sets the stacks apart; setup.py has the versions.
PYTHONS: Dict[str, Tuple[str, ...]] = {
    "keras2": ("3.11", "3.10", "3.9"),
    "keras3": ("3.12", "3.13"),
}
NONE_HERE = 3
# What a Python must have to make an environment; it prints its version.
_QUESTION = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


def other_stack() -> str:
    """The stack that the Python that runs this is not of."""
    own = "{}.{}".format(*sys.version_info[:2])
    return "keras2" if own in PYTHONS["keras3"] else "keras3"


def find(stack: str) -> Optional[str]:
    """A Python that can make an environment of a stack, None if there is none here."""
    for version in PYTHONS[stack]:
        for path in _candidates(version):
            if _answer(path) == version:
                return path
    return None


def _candidates(version: str) -> Iterator[str]:
    found = shutil.which(f"python{version}")
    if found:
        yield found
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    yield from sorted(glob.glob(f"{root}/versions/{version}.*/bin/python{version}"))


def _answer(path: str) -> str:
    """What a Python says; pyenv has launchers on the PATH that do not run."""
    done = subprocess.run([path, "-c", _QUESTION], capture_output=True, text=True)
    return done.stdout.strip()


def make(stack: str, python: str) -> pathlib.Path:
    """Makes or updates the environment of a stack; returns its interpreter.

    Raises:
        subprocess.CalledProcessError: if it can't be installed; pip has said why.
    """
    folder = f".venv-{stack}"
    subprocess.run(
        ["tools/install.sh", "test"],
        cwd=ROOT,
        env={**os.environ, "VENV": folder, "PYTHON": python},
        stdout=sys.stderr,
        check=True,
    )
    return ROOT / folder / "bin" / "python"


def none_here(stack: str) -> str:
    """What to tell who has no Python of a stack."""
    versions = PYTHONS[stack]
    names = ", ".join(versions[:-1]) + " or " + versions[-1]
    return (
        f"no Python {names} with its venv module on the PATH or among pyenv's: "
        f"nothing to compare with.\nInstall one, say: pyenv install {versions[0]}"
    )


def main() -> int:
    """Makes the environment of the other stack; returns the exit code."""
    stack = other_stack()
    python = find(stack)
    if python is None:
        print(none_here(stack), file=sys.stderr)
        return NONE_HERE
    try:
        print(make(stack, python))
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main())
