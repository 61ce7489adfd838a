"""Tests that are left out are still there, and so are those that are not."""

from __future__ import annotations

import subprocess
import sys

from tests import long


def test_what_is_named_is_there():
    """Under another name a test would never be left out, or a case always be."""
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-m", ""]
    files = [f"tests/{place}" for place in long.LONG]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    found = set(done.stdout.splitlines())
    for place, tests in long.LONG.items():
        for test, cases in tests.items():
            name = f"tests/{place}::{test}"
            own = {each for each in found if each.partition("[")[0] == name}
            always = {f"{name}[{case}]" for case in cases}
            assert always < own, name
