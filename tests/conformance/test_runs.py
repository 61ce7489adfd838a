"""A whole run of every method that is trained in one go."""

from __future__ import annotations

import pytest

from tests.conformance.whole_runs import COPIES, NAMES, check, in_rounds

SINGLE = [name for name in NAMES if not in_rounds(name)]


@pytest.mark.parametrize("name", SINGLE)
def test_resumed_equals_uninterrupted_and_export_equals_model(name, tmp_path):
    check(tmp_path, f"--algorithm={name}", "--steps=6", "--eval_every=3", *COPIES)
