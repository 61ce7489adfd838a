#!/usr/bin/env python3
"""Runs all tests in parts, one after the other, each in processes of its own.

TensorFlow keeps each graph until its process ends, so a process that ran all tests
would grow beyond 3 GiB. The last line sums up the parts in pytest's format: "==== 12
passed, 1 skipped in 3.45s ====".
"""

from __future__ import annotations

import collections
import pathlib
import re
import subprocess
import sys
import time
from typing import Counter, Dict, List, Sequence, Tuple

TESTS = pathlib.Path("tests")
# Exit codes of pytest if all tests passed, and if there were none to run.
PASSED, NOTHING_TO_RUN = 0, 5
OUTCOMES = ("failed", "passed", "skipped", "deselected", "xfailed", "error")
# Patterns of files; a file is in the first part that matches, or else in the last one.
PARTS = (
    ("conformance/*",),
    ("rounds/**/*", "runs/**/*", "tasks/**/*"),
    ("**/*",),
)
# The longest tests come first, so that no process is still busy with them when the
# others have finished. `--no-loadscope-reorder` keeps the order.
LONGEST = (
    *("conformance/test_algorithms.py", "conformance/test_runs_in_rounds.py"),
    *("conformance/test_segmentation_algorithms.py", "conformance/test_runs.py"),
    *("conformance/test_segmentation_flagfiles.py", "conformance/test_replicas.py"),
    *("conformance/test_flagfile_steps.py", "conformance/test_own_state.py"),
    *("tasks/segmentation/test_rounds.py", "tasks/test_together.py"),
    *("rounds/test_resuming.py", "tasks/segmentation/test_dry_run.py"),
    *("tasks/test_budget.py", "tasks/classification/test_task.py"),
    *("tasks/classification/test_detection.py", "runs/test_runs_at_addresses.py"),
    *("runs/test_data_service.py", "tasks/segmentation/test_single_runs.py"),
    *("cli/test_reproduce.py", "golden/test_golden.py", "test_docs.py"),
    *("test_notebooks.py", "cli/test_segmentation_commands.py"),
    *("learners/test_rounds.py", "models/test_lite_segmenter.py"),
    *("models/test_networks.py", "data/classification/test_copies.py"),
    *("cli/test_pseudo_label.py", "cli/test_suggest_labels.py"),
)


def paths() -> List[List[str]]:
    """Returns pytest's path arguments for each part; together they are all tests."""
    left = set(TESTS.rglob("test_*.py"))
    first = [path for path in map(TESTS.joinpath, LONGEST) if path in left]
    parts = []
    for patterns in PARTS:
        part = {path for each in patterns for path in TESTS.glob(each)} & left
        left -= part
        begin = [path for path in first if path in part]
        parts.append([*map(str, [*begin, *sorted(part.difference(begin))])])
    return [part for part in parts if part]


def run(arguments: Sequence[str]) -> Tuple[int, Counter[str]]:
    """Runs pytest and prints its output.

    Returns:
        Its exit code, and the numbers of its closing line.
    """
    command = [sys.executable, "-m", "pytest", *arguments]
    counts: Counter[str] = collections.Counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.startswith("=") and re.search(r" in [0-9.]+s", line):
                counts = collections.Counter(closing(line))
    return process.returncode, counts


def closing(line: str) -> Dict[str, int]:
    """Parses the numbers of a closing line; "2 errors" becomes `error`: 2."""
    pairs = re.findall(rf"([0-9]+) ({'|'.join(OUTCOMES)})", line)
    return {outcome: int(number) for number, outcome in pairs}


def main(arguments: Sequence[str]) -> int:
    """Runs all parts with the same options, and returns the exit code."""
    begin = time.monotonic()
    codes, total = [], collections.Counter()
    for part in paths():
        code, counts = run([*arguments, *part])
        codes.append(code)
        total += counts
        if code < 0 or code == 2:
            break  # interrupted, or pytest itself failed
    numbers = ", ".join(f"{total[each]} {each}" for each in OUTCOMES if total[each])
    seconds = time.monotonic() - begin
    print(f"==== {numbers or 'no tests ran'} in {seconds:.2f}s ====")
    failures = [code for code in codes if code not in (PASSED, NOTHING_TO_RUN)]
    if failures:
        return failures[0]
    return PASSED if PASSED in codes else NOTHING_TO_RUN


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # pytest has printed it
        sys.exit(130)
