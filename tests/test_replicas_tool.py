"""The comparison of devices fails when they differ by more than rounding."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tools import replicas


@pytest.fixture
def compared(monkeypatch, tmp_path, capsys):
    """Exit code and output of the tool, of weights that are given for each column."""

    def run(ends, *more):
        monkeypatch.setattr(replicas, "missing", lambda folder, names: [])
        monkeypatch.setattr(
            replicas,
            "weights",
            lambda run: {"network/w": np.array([1.0, ends[run.parent.name]])},
        )
        argv = ["replicas", "--only=MixMatch", f"--dir={tmp_path}", *more]
        monkeypatch.setattr(sys, "argv", argv)
        return replicas.main(), capsys.readouterr().out

    return run


SAME = {"1": 0.0, "2": 1e-6, "4": 2e-6, "1 nudged": 1e-7}
APART = {**SAME, "4": 2e-4}
ROUNDED = {**APART, "1 nudged": 3e-5}


@pytest.mark.parametrize(
    ("ends", "code"), [(SAME, 0), (APART, 1), (ROUNDED, 0)], ids=["same", "no", "yes"]
)
def test_differences_beyond_rounding_are_a_fault(ends, code, compared):
    found, text = compared(ends, "--tolerance=1e-5")
    assert found == code
    assert ("larger than rounding and 1e-05: MixMatch, small CNN" in text) == bool(code)
    row = f"| MixMatch, small CNN | 1e-06 | {ends['4']:.0e} | {ends['1 nudged']:.0e} |"
    assert row in text


def test_without_a_tolerance_there_is_a_table_alone(compared):
    assert compared(APART)[0] == 0


def test_runs_with_other_variables_are_no_match():
    one, other = ({name: np.zeros(1)} for name in ("network/a", "network/b"))
    for pair in ((one, other), ({}, {})):
        with pytest.raises(ValueError, match="same variables"):
            replicas.largest(*pair)
