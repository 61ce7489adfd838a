"""Writes constraints.txt: one version of every package per supported Python version.

    python tools/lock.py python3.9 python3.10 python3.11 python3.12 python3.13
    python tools/lock.py --keep python3.9 python3.10 ...

Each interpreter's own pip resolves `.[dev,docs,beam]` without installing it (markers
are only evaluated correctly in their own interpreter): from scratch, or with --keep
with the versions of the present file, for a package that is new in setup.py. If two
Pythons get different versions, the lines have markers. Run it by hand, then install,
test and commit the result. The Python that runs it needs pip 22.3 or newer.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
HEADER = """\
# The versions that mixdmt_tf is tested with: pip install -c constraints.txt -e .
# Written by tools/lock.py on 64-bit Linux for Python {first} to {last}; do not edit.
"""


def resolve(interpreter: str, keep: bool) -> Dict[str, str]:
    """Asks pip which versions it would install for one interpreter: name -> version."""
    pip = [sys.executable, "-m", "pip", "--python", interpreter, "install", "-qq"]
    wanted = [f"{ROOT}[dev,docs,beam]", "setuptools", "wheel"]
    if keep:
        wanted += ["-c", str(CONSTRAINTS)]
    report = subprocess.run(
        [*pip, "--dry-run", "--ignore-installed", "--report", "-", *wanted],
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    versions = {}
    for package in json.loads(report)["install"]:
        name = re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower()
        versions[name] = package["metadata"]["version"]
    del versions["mixdmt-tf"]
    return versions


def python_version(interpreter: str) -> str:
    """Returns the version of an interpreter, such as `3.11`."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    found = subprocess.run(
        [interpreter, "-c", program], check=True, stdout=subprocess.PIPE, text=True
    )
    return found.stdout.strip()


def constraint_lines(name: str, versions: Dict[str, str]) -> List[str]:
    """Returns one package's lines: a pin for each run of Pythons with one version.

    Args:
        name: the package.
        versions: Python version -> package version, in ascending order of Pythons. A
            Python that does not need the package is left out and takes any pin.
    """
    runs: List[List[str]] = []  # [package version, first Python of the run]
    for python, version in versions.items():
        if not runs or runs[-1][0] != version:
            runs.append([version, python])
    lines = []
    for i, (version, first) in enumerate(runs):
        bounds = []
        if i > 0:
            bounds.append(f'python_version >= "{first}"')
        if i + 1 < len(runs):
            bounds.append(f'python_version < "{runs[i + 1][1]}"')
        marker = " ; " + " and ".join(bounds) if bounds else ""
        lines.append(f"{name}=={version}{marker}")
    return lines


def main() -> None:
    """Resolves for every interpreter on the command line and writes the file."""
    keep = "--keep" in sys.argv[1:]
    interpreters = [each for each in sys.argv[1:] if each != "--keep"]
    if not interpreters:
        sys.exit(__doc__)
    resolved: Dict[str, Dict[str, str]] = {}
    for interpreter in interpreters:
        resolved[python_version(interpreter)] = resolve(interpreter, keep)
    pythons = sorted(resolved, key=lambda version: int(version.split(".")[1]))
    lines = []
    for name in sorted(set().union(*resolved.values())):
        versions = {p: resolved[p][name] for p in pythons if name in resolved[p]}
        lines.extend(constraint_lines(name, versions))
    header = HEADER.format(first=pythons[0], last=pythons[-1])
    CONSTRAINTS.write_text(header + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
