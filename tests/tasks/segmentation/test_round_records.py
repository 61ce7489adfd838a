"""What is noted of each round on images, and what the whole run ends with."""

from __future__ import annotations

import csv
import json
import types

import pytest

from mixdmt_tf.rounds import plan, records
from mixdmt_tf.runs import results as run_results
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.segmentation import results, round_records
from mixdmt_tf.tasks.segmentation.rounds import Rounds
from tests.tasks.segmentation import short
from tests.tasks.segmentation.made_rounds import CLASSES, a_round

STAGE = plan.Stage("round_2_b", 2, "b", "round_1_a", "round_1_b", 0.4)
FOUND = {
    "scenes": 12,
    "share_labeled": 39.5,
    "accuracy": 90.0,
    "accuracy_of_all": 80.0,
    "share_by_class": {"sky": 40.0, "road": 39.0, "car": None},
    "weight_right": 0.75,
    "weight_wrong": 0.25,
}
RESULTS = {
    "test_miou": 50.0,
    "test_miou_raw": 49.0,
    "test_miou_best": 51.0,
    "best_step": 3,
    "validation_miou": 52.0,
    "validation_miou_raw": 53.0,
    "validation_miou_best": 54.0,
    "test_iou": {"sky": 60.0, "road": 40.0, "car": None},
    "test_set": "test",
    "test_pixel_accuracy": 77.0,
    "steps": 4,
    "seed": 77,
    "seconds": 2.5,
}
METRICS = """\
step,seconds,train_loss,train_agree,train_negative,train_positive,train_weight
2,1.0,2.0,0.125,0.5,0.375,0.25
4,2.0,1.0,0.25,0.5,0.25,0.5
"""


def noted(folder, metrics=METRICS, found=FOUND, **more):
    (folder / "metrics.csv").write_text(metrics)
    return round_records.round_entry(STAGE, found, {**RESULTS, **more}, folder)


def test_a_round(tmp_path):
    found = noted(tmp_path)
    names = ("stage", "round", "model", "teacher", "fraction", "steps", "seed")
    facts = [found[name] for name in names]
    assert facts == ["round_2_b", 2, "b", "round_1_a", 40.0, 4, 77]
    assert (found["pseudo_labels"], found["share_labeled"]) == (12, 39.5)
    assert (found["pseudo_accuracy"], found["accuracy_of_all"]) == (90.0, 80.0)
    # Of the end of the training, in percent; the weights of its beginning.
    assert found["cases"] == {"agree": 25.0, "negative": 50.0, "positive": 25.0}
    assert found["mean_weight"] == 0.5
    assert (found["weight_right"], found["weight_wrong"]) == (0.75, 0.25)
    for name in ("test_miou", "test_miou_raw", "validation_miou", "seconds"):
        assert found[name] == RESULTS[name]
    assert found["validation_miou_raw"] == 53.0
    assert found["share_by_class"] == FOUND["share_by_class"]
    assert found["test_iou"] == RESULTS["test_iou"]
    assert json.loads(json.dumps(found)) == found


def test_a_method_that_does_not_ask_the_network(tmp_path):
    nobody = {**FOUND, "accuracy": None, "weight_right": None, "weight_wrong": None}
    found = noted(tmp_path, "step,seconds,train_loss\n4,2.0,1.0\n", nobody)
    assert set(found["cases"].values()) == {None}
    assert found["mean_weight"] is found["weight_right"] is None
    assert found["pseudo_accuracy"] is None


def test_the_table_of_rounds(tmp_path):
    first = noted(tmp_path, "step,seconds\n4,2.0\n")
    rounds = [first, noted(tmp_path, validation_miou=None)]
    round_records.write(tmp_path, rounds)
    with (tmp_path / "rounds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and rows[0].keys() == rows[1].keys()
    assert [row["agree"] for row in rows] == ["", "25.0"]
    assert [row["validation_miou"] for row in rows] == ["52.0", ""]
    assert (rows[1]["test_iou_sky"], rows[1]["test_iou_car"]) == ("60.0", "")
    assert not {"cases", "test_iou", "share_by_class"} & set(rows[0])


def warned(now, then=None, before=None, never=()):
    """Of a round, the one before it and the results of the stage before."""

    def entry(values):
        shares = {name: None if name in never else 20.0 for name in CLASSES}
        names = ("accuracy_of_all", "validation_miou")
        return a_round(3, **dict(zip(names, values)), share_by_class=shares)

    earlier = [entry(then)] if then else []
    return round_records.warnings(entry(now), earlier, {"validation_miou": before})


def test_nothing_is_said_of_what_got_better_or_stayed():
    assert warned((80.0, 50.0), (80.0, 1.0), 50.0) == []
    assert warned((81.0, 51.0), (80.0, 1.0), 50.0) == []


def test_worse_labels_and_a_worse_network():
    worse = (
        "round 3 a: pseudo labels got worse, 79.00 % of all pixels are right after "
        "80.00 %"
    )
    fell = "round 3 a: the mean IoU on validation fell from 50.00 to 49.50 %; "
    assert warned((79.0, 50.0), (80.0, 0.0), 50.0) == [worse]
    (said,) = warned((80.0, 49.5), (80.0, 0.0), 50.0)
    assert said.startswith(fell) and "--rounds" in said
    assert [each[:20] for each in warned((79.0, 49.5), (80.0, 0.0), 50.0)] == [
        worse[:20],
        fell[:20],
    ]


def test_nothing_is_said_where_nobody_knows():
    assert warned((None, None), (80.0, 0.0), 50.0) == []
    assert warned((50.0, 9.0), (None, None), None) == []
    assert warned((50.0, 9.0)) == []


def test_classes_that_were_never_guessed_are_named_once():
    (said,) = warned((80.0, 50.0), never=("road", "car"))
    assert said == (
        "round 3 a: base_b found no pixel of road, car in the unlabelled images"
    )
    assert warned((80.0, 50.0), (80.0, 0.0), never=("road",)) == []


def stages(**validation):
    """Results of the stages of two models, by their mean IoU on validation."""
    names = ("base_a", "base_b", "round_1_b", "round_1_a")
    return {
        name: {
            **RESULTS,
            "test_miou": float(place),
            "test_miou_raw": place + 0.5,
            "validation_miou": validation.get(name, 10.0 * place),
            "algorithm": "supervised",
            "flags": {},
        }
        for place, name in enumerate(names)
    }


@pytest.fixture(scope="module")
def dmt():
    return short.experiment("runs/x", "--algorithm=dmt", *short.ROUNDS)


def summary(found, given=None, **values):
    given = given or stages()
    bases = [name for name in given if name.startswith("base")]
    experiment = short.changed(found, seed=5, **values)
    rounds = [{"round": 1}]
    said = Rounds(open_task(experiment), None, None).summarize(
        {name: given[name] for name in bases}
    )
    return records.run_summary(experiment, given, rounds, ["oh"], "round_1_b", said)


def test_the_whole_run_is_that_of_its_result_and_the_sum_of_all(dmt):
    found = summary(dmt)
    assert (found["test_miou"], found["test_miou_raw"]) == (2.0, 2.5)
    assert found["validation_miou"] == 20.0 and found["result_of"] == "round_1_b"
    assert found["base_mious"] == {"base_a": 0.0, "base_b": 1.0}
    assert (found["steps"], found["seconds"]) == (16, 10.0)
    assert (found["algorithm"], found["seed"]) == ("dmt", 5)
    assert found["flags"]["models"] == "2" and found["versions"]["python"]
    assert found["rounds"] == [{"round": 1}] and found["warnings"] == ["oh"]
    assert "supervised_miou" not in found


@pytest.mark.parametrize("better", ["base_a", "base_b"])
def test_the_supervised_comparison_is_the_better_base_by_validation(dmt, better):
    """Not by the test images."""
    found = summary(dmt, stages(**{better: 90.0}), compare_supervised=True)
    place = ["base_a", "base_b"].index(better)
    assert found["supervised_miou"] == place
    assert found["supervised_miou_raw"] == place + 0.5


def test_a_base_model_that_was_given_cost_nothing(dmt):
    given = stages()
    del given["base_b"]
    found = summary(dmt, given, init_from="runs/base")
    assert (found["steps"], found["seconds"]) == (8, 5.0)
    assert found["base_mious"] == {"base_a": 0.0}


def test_in_words(tmp_path, dmt):
    found = {**summary(dmt), "rounds": [noted(tmp_path)]}
    lines = results.describe({**found, "supervised_miou": 12.0}).splitlines()
    assert lines == [
        "round 2 b: 39.5 % of the pixels pseudo-labelled, 90.00 % of them right; mean "
        "IoU 50.00 %; mean weight 0.500 (of right labels 0.750, of wrong ones 0.250)",
        "mean IoU of base_a, labels alone: 0.00 %",
        "mean IoU of base_b, labels alone: 1.00 %",
        "the result is that of round_1_b",
        "mean IoU of dmt: 2.00 % (raw weights 2.50 %, pixels right 77.00 %)",
        "mean IoU of supervised, the same labels alone: 12.00 %",
    ]


def test_in_words_of_what_nobody_knows(tmp_path):
    nobody = {**FOUND, "accuracy": None, "weight_right": None}
    said = results.describe_round(noted(tmp_path, found=nobody))
    assert "unknown of them right" in said and said.endswith("mean weight 0.500")
    plain = noted(tmp_path, "step,seconds\n4,2.0\n")
    assert results.describe_round(plain).endswith("mean IoU 50.00 %")
    single = {**RESULTS, "algorithm": "supervised", "test_set": "validation"}
    assert results.describe(single) == (
        "mean IoU of supervised on the validation images: 50.00 % (raw weights 49.00 "
        "%, pixels right 77.00 %)"
    )
    nothing = {**single, "test_miou": None, "base_mious": {"base": None}}
    assert results.describe(nothing) == "supervised: no labelled images to score"
    lines = results.describe({**single, "best_step": None}).splitlines()
    assert lines[0] == results.NO_BEST and len(lines) == 2


ROWS = [
    {"step": 2, "seconds": 1.0, "validation_miou": 30.0, "validation_raw_miou": 31.0},
    {"step": 4, "seconds": 2.0, "validation_miou": 20.0, "validation_raw_miou": 21.0},
]


def whole(found, rows, test):
    """What `results.json` holds of 8 labels."""
    task = open_task(found)
    task.summarize = lambda rows: results.summarize(rows, CLASSES, test)
    split = types.SimpleNamespace(labeled=range(8))
    return run_results.summarize(task, rows, split)


def test_results_of_one_run(dmt):
    rows = [
        {**row, "test_miou": row["validation_miou"] + 1, "test_raw_miou": 5.0}
        for row in ROWS
    ]
    rows[1].update({"test_iou_sky": 9.0, "test_pixel_accuracy": 70.0})
    found = whole(dmt, rows, "test")
    assert (found["test_miou"], found["test_miou_raw"]) == (21.0, 5.0)
    assert (found["test_miou_best"], found["best_step"]) == (31.0, 2)
    assert (found["validation_miou"], found["validation_miou_best"]) == (20.0, 30.0)
    assert (found["steps"], found["seconds"], found["labels"]) == (4, 2.0, 8)
    assert found["test_iou"] == {"sky": 9.0, "road": None, "car": None}
    assert (found["test_pixel_accuracy"], found["test_set"]) == (70.0, "test")


def test_results_as_of_the_best_snapshot(dmt):
    """As `snapshot` says: what is exported, labels and goes on is what is scored."""
    rows = [
        {**row, "test_miou": row["validation_miou"] + 1, "test_raw_miou": 5.0 + place}
        for place, row in enumerate(ROWS)
    ]
    for row, pixels in zip(rows, (60.0, 70.0)):
        row.update({"test_iou_sky": pixels / 10, "test_pixel_accuracy": pixels})
    last = whole(dmt, rows, "test")
    found = results.as_of_best(last, rows, CLASSES)
    assert (found["test_miou"], found["test_miou_raw"]) == (31.0, 5.0)
    assert (found["validation_miou"], found["validation_miou_raw"]) == (30.0, 31.0)
    assert found["test_iou"] == {"sky": 6.0, "road": None, "car": None}
    assert found["test_pixel_accuracy"] == 60.0
    kept = ("steps", "seconds", "seed", "labels", "best_step", "test_miou_best")
    assert all(found[name] == last[name] for name in kept)
    assert found.keys() == last.keys()


def test_without_test_samples_the_validation_samples_are_tested_on(dmt):
    found = whole(dmt, ROWS, "validation")
    assert (found["test_miou"], found["validation_miou"]) == (20.0, 20.0)
    assert (found["test_miou_raw"], found["test_set"]) == (21.0, "validation")
    assert (found["test_miou_best"], found["best_step"]) == (30.0, 2)


def test_base_models_that_did_not_learn_from_labels_alone(dmt):
    given = {**stages()}
    given["base_a"] = {**given["base_a"], "algorithm": "cutmix"}
    lines = results.describe({**summary(dmt, given), "rounds": []}).splitlines()
    assert lines[0] == "mean IoU of base_a, cutmix: 0.00 %"
