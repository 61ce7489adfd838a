"""What is noted of each round."""

from __future__ import annotations

import csv
import json

from mixdmt_tf import digests
from mixdmt_tf.rounds import plan, records
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import round_records
from mixdmt_tf.tasks.classification.labeling import Quality
from mixdmt_tf.tasks.classification.rounds import Rounds
from tests.tasks.classification import tiny

STAGE = plan.Stage("round_2", 2, "a", "round_1", None, 0.4)
QUALITY = Quality(
    40, 90.0, 80.0, 0.75, [{"low": 0.7, "high": 0.8}], {20: 1.0, 40: None}
)
RESULTS = {
    "test_error": 10.0,
    "test_error_raw": 11.0,
    "test_error_median20": 12.0,
    "validation_error": 9.0,
    "steps": 6,
    "seed": 77,
    "seconds": 2.5,
}
METRICS = """\
step,seconds,train_loss,train_agree,train_negative,train_positive,train_weight
3,1.0,2.0,0.125,0.5,0.375,0.25
6,2.0,1.0,0.25,0.5,0.25,0.5
"""


def noted(folder, stage=STAGE, quality=QUALITY, metrics=METRICS, **results):
    (folder / "metrics.csv").write_text(metrics)
    return round_records.round_entry(stage, quality, {**RESULTS, **results}, folder)


def test_a_round(tmp_path):
    found = noted(tmp_path)
    names = ("stage", "round", "model", "teacher", "fraction", "steps", "seed")
    facts = [found[name] for name in names]
    assert facts == ["round_2", 2, "a", "round_1", 40.0, 6, 77]
    assert found["pseudo_labels"] == 40 and found["pseudo_accuracy"] == 90.0
    assert found["accuracy_of_all"] == 80.0 and found["lowest_confidence"] == 0.75
    # Of the end of the training, in percent.
    assert found["cases"] == {"agree": 25.0, "negative": 50.0, "positive": 25.0}
    assert found["mean_weight"] == 0.5 and found["weight_right"] is None
    assert found["test_error"] == 10.0 and found["validation_error"] == 9.0
    assert json.loads(json.dumps(found))["error_of_top"] == {"20": 1.0, "40": None}


def test_a_method_that_does_not_ask_the_network(tmp_path):
    found = noted(tmp_path, metrics="step,seconds,train_loss\n6,2.0,1.0\n")
    assert found["cases"] == {"agree": None, "negative": None, "positive": None}
    assert found["mean_weight"] is None


def test_the_table_of_rounds(tmp_path):
    first = noted(tmp_path, metrics="step,seconds\n6,2.0\n")
    rounds = [first, noted(tmp_path, validation_error=None)]
    round_records.write(tmp_path, rounds)
    with (tmp_path / "rounds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and rows[0].keys() == rows[1].keys()
    assert (rows[0]["agree"], rows[1]["agree"]) == ("", "25.0")
    assert (rows[0]["validation_error"], rows[1]["validation_error"]) == ("9.0", "")
    assert (rows[1]["error_of_top_20"], rows[1]["error_of_top_40"]) == ("1.0", "")
    assert "bins" not in rows[0] and "cases" not in rows[0]
    assert "rounds.csv" in digests.known(tmp_path)


def warned(now, then=None, before=None):
    """Of a round, the one before it and the results of the stage before."""

    def entry(values):
        names = ("accuracy_of_all", "validation_error")
        return {"stage": "round_3", "round": 3, **dict(zip(names, values))}

    earlier = [entry(then)] if then else []
    return round_records.warnings(entry(now), earlier, {"validation_error": before})


def test_nothing_is_said_of_what_got_better_or_stayed():
    assert warned((80.0, 9.0), (80.0, 1.0), 9.0) == []
    assert warned((81.0, 8.0), (80.0, 1.0), 9.0) == []


def test_worse_labels_and_worse_errors():
    worse = "round 3: pseudo labels got worse, 79.00 % of all are right after 80.00 %"
    rose = "round 3: the validation error rose from 9.00 to 9.50 %"
    assert warned((79.0, 9.0), (80.0, 0.0), 9.0) == [worse]
    assert warned((80.0, 9.5), (80.0, 0.0), 9.0) == [rose]
    assert warned((79.0, 9.5), (80.0, 0.0), 9.0) == [worse, rose]


def test_nothing_is_said_where_nobody_knows():
    assert warned((None, None), (80.0, 0.0), 9.0) == []
    assert warned((50.0, 9.0), (None, None), None) == []
    assert warned((50.0, 9.0)) == []


def summary(*more, final="round_1"):
    results = {
        name: {**RESULTS, "test_error": error, "algorithm": name, "flags": {}}
        for name, error in (("base", 30.0), ("round_1", 20.0), ("round_2", 25.0))
    }
    experiment = tiny.experiment("runs/x", *tiny.ROUNDS, "--seed=5", *more)
    bases = Rounds(open_task(experiment), None, None).summarize(
        {"base": results["base"]}
    )
    return records.run_summary(
        experiment, results, [{"round": 1}], ["oh"], final, bases
    )


def test_the_whole_run_is_that_of_its_result_and_the_sum_of_all():
    found = summary()
    assert (found["test_error"], found["test_error_median20"]) == (20.0, 12.0)
    assert (found["result_of"], found["base_error"]) == ("round_1", 30.0)
    assert (found["steps"], found["seconds"]) == (18, 7.5)
    assert (found["algorithm"], found["seed"]) == ("dmt", 5)
    assert found["base_errors"] == {"base": 30.0}
    assert found["base_algorithm"] == "base"  # what its results say
    assert found["flags"]["rounds"] == "2" and found["versions"]["python"]
    assert found["rounds"] == [{"round": 1}] and found["warnings"] == ["oh"]
    assert "supervised_error" not in found


def test_a_base_model_that_was_given_cost_nothing():
    found = summary("--init_from=runs/base")
    assert (found["steps"], found["seconds"]) == (12, 5.0)
    assert found["base_error"] == 30.0


def test_the_supervised_comparison_is_the_base_model():
    found = summary("--compare_supervised")
    assert found["supervised_error"] == 30.0
    assert found["supervised_error_raw"] == 11.0
