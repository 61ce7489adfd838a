"""A whole run of every method that is trained in one go."""

from __future__ import annotations

import pytest

from tests.conformance.whole_runs import COPIES, NAMES, check, in_rounds

SINGLE = [name for name in NAMES if not in_rounds(name)]


# Tracing eight strong views takes as long as five other methods.
FASTER = {"remixmatch": ("--strong_views=1",)}


@pytest.mark.parametrize("name", SINGLE)
def test_resumed_equals_uninterrupted_and_export_equals_model(name, tmp_path):
    chosen = f"--algorithm={name}", "--steps=6", "--eval_every=3", *COPIES
    check(tmp_path, *chosen, *FASTER.get(name, ()))
