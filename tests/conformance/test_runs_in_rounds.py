"""A whole run of every method that is trained in rounds.

One round of each; tests/rounds has several, stopped at every moment.
"""

from __future__ import annotations

import pytest

from mixdmt_tf import algorithms
from tests.conformance.whole_runs import COPIES, NAMES, check, in_rounds


def weighs_otherwise_only(name):
    """Whether a method is DMT with another weight: nothing of it is kept in files."""
    members = vars(algorithms.method("classification", name)).keys() - {"config_class"}
    return {each for each in members if not each.startswith("__")} == {"rule"}


# Of those whose peers choose, one is enough: what they choose is not kept either.
CHOOSERS = ("co_teaching", "decoupling")
STOPPED_ELSEWHERE = ("dmt",)  # at every moment, by tests/rounds/test_resuming.py
METHODS = [
    name
    for name in filter(in_rounds, NAMES)
    if not weighs_otherwise_only(name) and name not in (*CHOOSERS, *STOPPED_ELSEWHERE)
]
# Only the round has a fourth step.
SHORT = (
    "--steps=none",
    "--base_steps=3",
    "--base_batch=8",
    "--rounds=1",
    "--round_steps=6",
    "--unlabeled_ratio=2",
    "--eval_every=6",
    *COPIES,
)
# Two networks of each stage take twice as long; they are dmt_mutual's as well.
FEWER = {"mixdmt": ("--models=1",)}
# With one network and with two; what is exported is that of a stage.
EXPORTED = ("mixdmt", "dmt_mutual")


def test_some_methods_are_trained_in_rounds():
    assert {"dmt_mutual", "dst"} <= set(METHODS) < set(NAMES)
    for name in CHOOSERS:
        chooser = algorithms.method("classification", name)
        assert "step_losses" not in vars(chooser) and "co_teaching_plus" in METHODS


@pytest.mark.parametrize("name", METHODS)
def test_resumed_equals_uninterrupted_and_export_equals_model(name, tmp_path):
    # Most of the time would go into the graph of its augmentation.
    config = algorithms.method("classification", name).config_class
    strong = hasattr(config, "augment") and name != "dmt"
    plain = ("--augment=none",) if strong else ()
    chosen = (f"--algorithm={name}", *SHORT, *plain, *FEWER.get(name, ()))
    check(tmp_path, *chosen, exported=name in EXPORTED)
