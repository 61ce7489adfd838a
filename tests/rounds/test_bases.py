"""What base models learn from, as it is said and compared with."""

from __future__ import annotations

import json
import types
from unittest import mock

import numpy as np
import pytest

from mixdmt_tf import algorithms
from mixdmt_tf.errors import UsageError
from mixdmt_tf.rounds import bases, loop, plan
from tests.tasks.classification import tiny

MIXDMT = ("--algorithm=mixdmt", *tiny.SHORT_ROUNDS)
LABELS = "--base=dmt_baseline"
COMPARED = "--compare_supervised"


def split_with(**more):
    return types.SimpleNamespace(labeled=np.arange(20), own_validation=None, **more)


def refused(experiment, labels=20):
    split = types.SimpleNamespace(labeled=np.arange(labels))
    with pytest.raises(UsageError) as error:
        bases.require_fitting(experiment, split)
    return str(error.value)


@pytest.mark.parametrize(
    "task, name, alone",
    [
        ("classification", "dmt_baseline", True),
        ("classification", "realmix", False),
        ("segmentation", "supervised", True),
        ("segmentation", "dmt", False),
    ],
)
def test_which_methods_learn_from_labels_alone(task, name, alone):
    assert algorithms.from_labels_alone(task, name) == alone


def test_a_base_model_of_realmix_is_no_comparison_with_labels_alone():
    experiment = tiny.experiment("runs/x", *MIXDMT, COMPARED)
    said = refused(experiment)
    assert "the base model, realmix," in said and "--algorithm=supervised" in said
    assert bases.in_words(experiment) == "realmix, labelled and unlabelled images"
    alone = tiny.experiment("runs/x", *MIXDMT, COMPARED, LABELS)
    bases.require_fitting(alone, types.SimpleNamespace(labeled=np.arange(20)))
    assert bases.in_words(alone) == "labels alone"


def test_nor_is_one_that_is_given(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps({"algorithm": "uda"}))
    given = f"--init_from={tmp_path}"
    experiment = tiny.experiment("runs/x", *tiny.ROUNDS, COMPARED, given)
    assert "the base model, uda," in refused(experiment)
    assert bases.in_words(experiment) == "uda, labelled and unlabelled images"


def test_parts_of_the_labels_of_one_base_model():
    one = tiny.experiment("runs/x", *tiny.ROUNDS, "--difference_share=0.8")
    assert "--difference_share=0.8 divides the labels" in refused(one)


def test_nor_are_base_models_of_parts_of_the_labels():
    more = (*MIXDMT, LABELS, COMPARED, "--difference_share=0.8")
    assert "a part of the labels" in refused(tiny.experiment("runs/x", *more))


def compared_with(planned, stage, task, split):
    """Whose results a round is compared with when it is recorded."""
    results = {each.name: {"stage": each.name} for each in planned}
    run = mock.Mock(task=task, experiment=task.experiment, split=split, results=results)
    run.stages.all, run.entries = planned, []
    run.stages.is_newest.return_value = False
    run.hooks.warnings.return_value = []
    loop.Loop._record(run, stage)
    (_, _, before), _ = run.hooks.warnings.call_args
    return before.get("stage")


@pytest.mark.parametrize("same", [True, False])
def test_errors_on_other_validation_images_are_not_compared(same, tmp_path):
    """Those of a base model that was given, and may be where the last round counts."""
    given, own = split_with(validation=[7, 8]), split_with(validation=[7, 8, 9])
    task = mock.Mock(read_split=lambda path: own if same else given)
    task.experiment.run.init_from = str(tmp_path)
    planned = plan.stages((1.0,), 1, True)
    found = compared_with(planned, planned[-1], task, own)
    assert found == ("base" if same else None)


@pytest.mark.parametrize("restart", [True, False])
def test_each_of_two_models_is_compared_with_itself(restart):
    task = mock.Mock()
    task.experiment.run.init_from = ""
    planned = plan.stages((0.5, 1.0), 2, restart)
    found = {e.name: compared_with(planned, e, task, None) for e in planned[2:]}
    assert found == {
        "round_1_b": "base_b",
        "round_1_a": "base_a",
        "round_2_b": "round_1_b",
        "round_2_a": "round_1_a",
    }
