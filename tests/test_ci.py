"""`.ci/run`: both passes, one closing line, and an exit code that tells."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
ADD = ROOT / "tools" / "sum_closing_lines.awk"
PASSED = "==== 12 passed, 1 skipped in 3.50s ===="
OTHER = "=========== 2 passed, 3 warnings in 61.25s (0:01:01) ==========="
LEFT_OUT = "The other TensorFlow is left out: no Python"


def run(folder, first, other):
    """What .ci/run prints last, and its exit code, where make prints lines."""
    for name in (".ci/run", "tools/sum_closing_lines.awk"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    lines = {"test": first, "test-other": other}
    cases = [f'{n}) echo "{text}"; exit {code};;' for n, (text, code) in lines.items()]
    make = folder / "bin" / "make"
    make.parent.mkdir()
    body = "\n".join(cases)
    make.write_text(f'#!/bin/sh\necho noise\ncase "$1" in\n{body}\nesac\n')
    make.chmod(0o755)
    path = f"{make.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [str(folder / ".ci" / "run")],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()[-1], done.returncode


@pytest.mark.parametrize(
    ("first", "other", "line", "code"),
    [
        ((PASSED, 0), (OTHER, 0), "14 passed, 1 skipped, 3 warnings in 64.75s", 0),
        ((PASSED, 0), (LEFT_OUT, 0), "12 passed, 1 skipped in 3.50s", 0),
        (
            ("== 1 failed, 2 passed in 1s ==", 2),
            (OTHER, 0),
            "1 failed, 2 passed in 1",
            2,
        ),
        (
            (PASSED, 0),
            ("== 1 failed in 1.00s ==", 1),
            "12 passed, 1 skipped, 1 failed",
            1,
        ),
        (("== no tests ran in 1.00s ==", 0), (OTHER, 0), "2 passed, 3 warnings", 1),
        (("no network", 2), (OTHER, 0), "make test ended before pytest did.", 2),
    ],
)
def test_the_last_line_sums_up_and_the_code_tells(first, other, line, code, tmp_path):
    last, found = run(tmp_path, first, other)
    assert line in last and found == code
    assert last.startswith("==== ") or line == last


def test_errors_are_counted_however_many_they_are():
    lines = "== 1 error in 1.00s ==\n== 2 errors, 5 passed in 2.00s ==\n"
    done = subprocess.run([str(ADD)], input=lines, capture_output=True, text=True)
    assert done.stdout == "==== 3 error, 5 passed in 3.00s ====\n"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "tests/cli/test_beam.py"])
def test_what_is_said_to_be_made_can_be_made(page):
    """Besides CI: tests that it leaves out."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    said = re.findall(r"\bmake (test[a-z-]*)", (ROOT / page).read_text("utf-8"))
    assert "test-beam" in said and {*said} <= {*targets}
