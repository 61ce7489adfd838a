"""The numbers that a run ends with."""

from __future__ import annotations

import platform
import random
import types

import pytest
import tensorflow as tf

import mixdmt_tf
from mixdmt_tf.runs import environment
from mixdmt_tf.runs import results as run_results
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import results
from tests.tasks.classification import tiny


def rows(errors, **more):
    """Evaluations with these test errors."""
    return [
        {
            "step": 10 * (place + 1),
            "seconds": float(place),
            "test_error": float(error),
            "test_raw_error": float(error) + 0.5,
            **{name: float(values[place]) for name, values in more.items()},
        }
        for place, error in enumerate(errors)
    ]


def summary(evaluations):
    task = open_task(tiny.experiment("runs/x", "--seed=3"))
    split = types.SimpleNamespace(labeled=range(20))
    return run_results.summarize(task, evaluations, split)


def test_the_last_evaluation_is_the_result():
    found = summary(rows([9, 7, 8], validation_error=[3, 2, 4]))
    assert (found["test_error"], found["test_error_raw"]) == (8.0, 8.5)
    assert (found["steps"], found["seconds"]) == (30, 2.0)
    assert found["validation_error"] == 4.0 and found["validation_error_raw"] is None


def test_facts_of_the_run():
    found = summary(rows([1]))
    facts = [found[name] for name in ("algorithm", "dataset", "labels", "seed")]
    assert facts == ["realmix", "digits", 20, 3]
    assert found["flags"] == tiny.experiment("runs/x", "--seed=3").to_flags()


def test_the_papers_figure_is_the_median_of_the_last_twenty():
    last = [*range(19), 500]
    random.Random(0).shuffle(last)
    found = summary(rows([1000, 2000, 3000] + last))
    assert found["test_error_median20"] == 9.5
    assert found["test_error_raw_median20"] == 10.0


def test_the_median_of_fewer_than_twenty():
    assert summary(rows([5, 1, 90]))["test_error_median20"] == 5.0


def test_the_best_evaluation_is_chosen_by_validation_not_by_test():
    found = summary(rows([1, 5, 6, 7], validation_error=[9, 2, 2, 3]))
    assert (found["best_step"], found["test_error_best"]) == (20, 5.0)


def test_without_validation_there_is_no_best():
    assert results.best_row(rows([3, 2])) is None
    found = summary(rows([3, 2]))
    assert found["best_step"] is None and found["test_error_best"] is None
    assert results.describe(found).splitlines()[-1] == results.NO_BEST
    found = summary(rows([3, 2], validation_error=[3, 2]))
    assert results.NO_BEST not in results.describe(found)


def test_without_test_images():
    evaluations = [{"step": 10, "seconds": 1.0, "validation_error": 5.0}]
    found = summary(evaluations)
    assert found["test_error"] is None and found["test_error_median20"] is None
    assert found["best_step"] == 10
    assert results.describe(found) == "validation error of realmix: 5.00 %"


def test_without_any_images_to_score():
    found = summary([{"step": 10, "seconds": 1.0}])
    assert results.describe(found) == results.NO_BEST


def test_versions():
    found = environment.versions()
    assert found["mixdmt_tf"] == mixdmt_tf.__version__
    assert found["python"] == platform.python_version()
    assert found["keras"] and found["numpy"]
    assert tf.__version__ in (found.get("tensorflow"), found.get("tensorflow-cpu"))


@pytest.mark.parametrize("supervised", [False, True])
def test_the_lines_for_the_terminal(supervised):
    found = summary(rows([4, 6, 8], validation_error=[1, 2, 3]))
    if supervised:
        found.update(supervised_error=20.0, supervised_error_raw=21.25)
    lines = results.describe(found).splitlines()
    assert lines[0] == (
        "test error of realmix: 8.00 % (raw weights 8.50 %, median of the last 20 "
        "evaluations 6.00 %)"
    )
    assert lines[1:] == supervised * [
        "test error of supervised, same labels and steps: 20.00 % (raw weights 21.25 %)"
    ]


def in_rounds(**more):
    def entry(stage, **values):
        names = ("test_error", "mean_weight", "weight_right", "weight_wrong")
        known = {"pseudo_labels": 1200, "pseudo_accuracy": 90.0, **values}
        return {"stage": stage, **dict.fromkeys(names), **known}

    found = summary(rows([8], validation_error=[9]))
    found.update(
        base_error=30.0,
        base_error_raw=31.0,
        supervised_error=30.0,
        supervised_error_raw=31.0,
        result_of="round_2",
        warnings=["oh dear"],
        rounds=[
            entry("round_1", pseudo_accuracy=None),
            entry("round_2", test_error=8.0, mean_weight=0.5),
        ],
    )
    return {**found, **more}


def test_the_lines_of_a_run_in_rounds():
    assert results.describe(in_rounds()).splitlines() == [
        "round 1: 1,200 pseudo labels, unknown of them right; test error unknown",
        "round 2: 1,200 pseudo labels, 90.00 % of them right; test error 8.00 %; "
        "mean weight 0.500",
        "test error of the base model, labels alone: 30.00 % (raw weights 31.00 %)",
        "test error of realmix: 8.00 % (raw weights 8.50 %, median of the last 20 "
        "evaluations 8.00 %)",
    ]


def test_a_base_model_that_did_not_learn_from_labels_alone():
    lines = results.describe(in_rounds(base_algorithm="realmix")).splitlines()
    assert lines[2].startswith("test error of the base model, realmix: 30.00 % (raw ")


def test_a_result_that_is_not_the_last_rounds():
    lines = results.describe(in_rounds(result_of="base")).splitlines()
    assert "the result is that of base" in lines


def test_the_weights_of_a_round():
    found = in_rounds()["rounds"][1]
    found.update(stage="round_2_b", weight_right=0.75, weight_wrong=0.125)
    line = results.describe_round(found)
    assert line.startswith("round 2 b: 1,200 pseudo labels, ")
    assert line.endswith(
        "mean weight 0.500 (of right labels 0.750, of wrong ones 0.125)"
    )
