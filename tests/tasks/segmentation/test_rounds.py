"""A whole run of DMT on images: what it leaves, and that nothing is lost on the way."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import signal
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import digests
from mixdmt_tf.data.segmentation import pseudo_labels, splits
from mixdmt_tf.models import small_segmenter
from mixdmt_tf.rounds import records
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.segmentation import labeling, round_plots, round_records
from mixdmt_tf.tasks.segmentation.scoring import Scorer
from tests.cli import commands
from tests.oracles import metrics
from tests.tasks.classification import tiny
from tests.tasks.segmentation import short

CHOICE = "--select_on=validation"
DMT = ("--algorithm=dmt", *short.ROUNDS, "--rounds=2", "--compare_supervised", CHOICE)
STAGES = ("base_a", "base_b", "round_1_b", "round_1_a", "round_2_b", "round_2_a")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return short.trained_once(tmp_path_factory, *DMT, "--export=true")


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_results_are_those_of_the_better_network_and_of_all(finished):
    folder, found = finished.folder, finished.results
    stages = {name: results(folder / name) for name in STAGES}
    assert [each["stage"] for each in found["rounds"]] == list(STAGES[2:])
    best = max(STAGES[-2:], key=lambda name: stages[name]["validation_miou"])
    assert found["result_of"] == best
    for name in ("test_miou", "test_miou_raw", "test_iou", "validation_miou"):
        assert found[name] == stages[best][name]
    mious = {name: stages[name]["test_miou"] for name in STAGES[:2]}
    assert found["base_mious"] == mious
    better = max(mious, key=lambda name: stages[name]["validation_miou"])
    assert found["supervised_miou"] == mious[better]
    assert (found["algorithm"], found["test_set"]) == ("dmt", "test")
    assert (found["steps"], found["labels"], found["seed"]) == (24, 8, 1)
    seconds = sum(each["seconds"] for each in stages.values())
    assert found["seconds"] == pytest.approx(seconds, abs=0.1)
    for each in found["rounds"]:
        stage = stages[each["stage"]]
        assert (each["test_miou"], each["seed"]) == (stage["test_miou"], stage["seed"])
        assert sum(each["cases"].values()) == pytest.approx(100, abs=1e-3)
        assert each["pseudo_labels"] == 12 and 0 <= each["mean_weight"] <= 1
        assert 0 <= each["weight_right"] <= 1 and 0 <= each["weight_wrong"] <= 1
    assert [each["fraction"] for each in found["rounds"]] == [50, 50, 100, 100]
    assert found["rounds"][-1]["share_labeled"] == 100
    assert len({each["seed"] for each in stages.values()}) == 6
    with (folder / "rounds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["test_miou"]) for row in rows] == [
        each["test_miou"] for each in found["rounds"]
    ]


def test_what_is_in_the_folder(finished):
    folder = finished.folder
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *STAGES,
        *("pseudo_labels", "pictures", "model_a", "model_b", "checkpoints", "export"),
        *(".lock", "predictions.npz"),
        *("results.json", "rounds.csv", "metrics.csv", "data.json", "split.json"),
        *("flags.txt", "checked.json", "digests.json", "rounds.png"),
        *("pseudo_labels_a.png", "pseudo_labels_b.png"),
    }
    assert not list(folder.glob("*/export")) and not list(folder.glob("*/checked.json"))
    assert not [path for path in folder.rglob(".*") if path.name != ".lock"]
    # The guesses themselves are no longer needed.
    for place in (folder / "pseudo_labels").iterdir():
        kept = {path.name for path in place.iterdir()}
        assert kept == {"index.json", "teacher.json", "quality.json", "digests.json"}
    result = folder / finished.results["result_of"]
    assert short.weights(folder) == short.weights(result)
    for name in ("metrics.csv", "data.json"):
        assert (folder / name).read_bytes() == (result / name).read_bytes()


def test_what_a_run_says(finished):
    lines = finished.session.out.splitlines()
    data = "digit_scenes: 8 labelled, 12 unlabelled, 4 validation, 4 test; 11 classes"
    assert "reading all images once 28/28" in finished.session.out
    said = [
        "[1/6] base_a: labels alone",
        data,
        "[2/6] base_b: labels alone",
        "[3/6] round_1_b: the most confident 50 % of the labels that base_a gives",
    ]
    assert [lines.index(each) for each in said] == sorted(map(lines.index, said))
    last = "[6/6] round_2_a: the most confident 100 % of the labels "
    last += "that round_1_b gives; about"
    assert any(line.startswith(last) for line in lines)
    assert f"the result is that of {finished.results['result_of']}" in lines
    assert lines[-2] == f"run folder: {finished.folder}"


def test_scores_are_those_of_the_checkpoint(finished):
    """Read with TensorFlow alone: no code of ours between file and score."""
    folder, source = finished.folder, short.load()
    network = small_segmenter.SmallSegmenter(4, 1).build_segmenter((49, 49, 3), 11)
    state = folder / "checkpoints" / "step-00000004" / "state"
    tf.train.Checkpoint(network=network).read(str(state)).expect_partial()
    for name, part in (("test", source.test), ("validation", source.validation)):
        true, guessed = [], []
        for sample in part:
            image = np.pad(sample.image(), [(0, 1), (0, 1), (0, 0)], mode="edge")
            logits = network(image[np.newaxis] / 127.5 - 1, training=False).numpy()
            guessed += logits[0, :48, :48].argmax(-1).ravel().tolist()
            true += sample.labels().ravel().tolist()
        expected = np.nanmean(metrics.iou_by_class(true, guessed, 11, 255))
        assert finished.results[f"{name}_miou"] == pytest.approx(expected, abs=0.01)


def open_run(folder, *flags):
    found = short.experiment(folder, *flags)
    source = short.load()
    return found, source, splits.read_split(folder / "split.json", source)


@pytest.mark.parametrize(
    ("teacher", "stage", "share"),
    [
        ("base_a", "round_1_b", 0.5),
        ("base_b", "round_1_a", 0.5),
        ("round_1_b", "round_2_a", 1.0),
    ],
)
def test_who_teaches_whom(finished, tmp_path, teacher, stage, share):
    found, samples, split = open_run(finished.folder, *DMT)
    model = trained.load(open_task(found), finished.folder / teacher)
    asked = labeling.label(model, samples, split, tmp_path, share)
    folder = finished.folder / "pseudo_labels" / stage
    kept = pseudo_labels.read(folder, split, 11)
    assert kept.digest() == asked.digest()
    quality = labeling.quality(asked, samples, split)
    noted = {each["stage"]: each for each in finished.results["rounds"]}[stage]
    assert noted["pseudo_accuracy"] == quality.accuracy
    assert noted["share_by_class"] == quality.share_by_class


def test_a_finished_run_is_not_trained_again(finished, tmp_path):
    folder = shutil.copytree(finished.folder, tmp_path / "moved")
    again = short.session(folder, *DMT)
    assert (again.code, again.steps) == (0, ()), again.err
    assert again.out.count("finished: ") == 6 and "labelling" not in again.out
    assert short.facts(folder) == short.facts(finished.folder)
    assert results(folder)["seconds"] == finished.results["seconds"]


@contextlib.contextmanager
def stopping(module, name, number=1, first=True):
    """Asks the process to stop when a function is called the so-maniest time."""
    strike = short.wrapped(getattr(module, name), number, tiny.TERMINATE, first)
    with mock.patch.object(module, name, strike):
        yield


MOMENTS = (
    (pseudo_labels, "write_guess", 3),  # some more images are labelled
    (pseudo_labels, "finish"),  # there is no index yet
    (round_plots, "of_round", 1, False),  # nobody has noted what the labels are worth
    ("progress", 2),  # in the middle of the round
    # The weights of step 2 are scored, and when those of step 4 are, it is stopped.
    (Scorer, "classes", 8 + 3),
    (round_records, "write"),  # before the table of rounds
    (digests, "copy", 1),  # the result is there in part
    (records, "run_summary"),  # before the results
)


@pytest.mark.long
def test_a_last_stage_stopped_wherever_it_can_be(finished, tmp_path):
    """Killed while it labels, then asked to stop again and again."""
    folder, stage = tmp_path / "run", STAGES[-1]
    shutil.copytree(finished.folder, folder)
    for name in ("export", "checkpoints", stage, f"pseudo_labels/{stage}"):
        shutil.rmtree(folder / name)
    for name in ("results.json", "metrics.csv", "data.json", f"pictures/{stage}.png"):
        (folder / name).unlink()
    labels = folder / "pseudo_labels" / stage
    command = [sys.executable, "-m", "tests.tasks.segmentation.short", str(folder), "5"]
    killed = subprocess.run(
        [*command, *DMT], cwd=commands.ROOT, capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(list(labels.glob("*.npz"))) == 4 and len(list(labels.glob(".*.npz.*")))
    more = ("--keep_pseudo_labels",)  # does not change the results
    for moment in MOMENTS:
        if moment[0] == "progress":
            done = short.session(folder, *DMT, *more, moments={moment: tiny.TERMINATE})
        else:
            with stopping(*moment):
                done = short.session(folder, *DMT, *more)
        assert done.code == 143, (moment, done.out, done.err)
        assert not (folder / "results.json").exists()
    done = short.session(folder, *DMT, *more)
    assert (done.code, done.steps) == (0, ()), done.err
    assert short.facts(folder) == short.facts(finished.folder)
    assert len(list(labels.glob("*.npz"))) == 12 and not list(labels.glob(".*"))
    found, _, split = open_run(folder, *DMT)
    assert pseudo_labels.is_whole(labels, split)


@pytest.mark.long
def test_a_base_model_that_was_stopped(tmp_path, finished):
    """It ends as if it had not been, and the next one begins as it did."""
    folder = tmp_path / "run"
    done = short.session(folder, *DMT, moments={("progress", 2): tiny.TERMINATE})
    assert done.code == 143 and "stopped after step 2, saved" in done.err
    assert not (folder / "base_b").exists()
    # Of base_a only steps 3 and 4 are left: a first step is one of base_b.
    done = short.session(folder, *DMT, moments={("progress", 1): tiny.TERMINATE})
    assert (done.code, done.steps) == (143, (3, 4, 1)), done.err
    assert "resuming at step 2 (50 % done)" in done.out
    assert "reading all images" not in done.out
    for stage, step in (("base_a", 4), ("base_b", 1)):
        places = (folder / stage, finished.folder / stage)
        assert len({short.weights(place, step) for place in places}) == 1
    ours, theirs = (results(place / "base_a") for place in (folder, finished.folder))
    assert {**ours, **short.DIFFERING} == {**theirs, **short.DIFFERING}


@pytest.mark.parametrize(
    ("flag", "line"),
    [
        ("--fractions=20,100", "  --fractions:  -> 20,100"),
        ("--gamma1=2", "  --gamma1: 5.0 -> 2.0"),
        ("--crop=25", "  --crop: 17 -> 25"),
        ("--snapshot=best", "  --snapshot: last -> best"),
    ],
)
def test_other_settings_in_the_folder(finished, flag, line):
    done = short.session(finished.folder, *DMT, flag)
    assert (done.code, done.steps) == (1, ())
    assert done.err.startswith("error: ") and line in done.err.splitlines()


@pytest.mark.long
def test_a_run_that_was_moved_goes_on_in_the_middle_of_a_stage(finished, tmp_path):
    folder = shutil.copytree(finished.folder, tmp_path / "moved")
    (folder / "round_2_a" / "results.json").unlink()
    done = short.session(folder, *DMT)
    assert done.code == 0, done.err
    assert short.facts(folder) == short.facts(finished.folder)


@pytest.mark.parametrize("worse", [False, True])
def test_the_best_stage_on_validation_is_the_result(worse, finished, tmp_path):
    """Mean IoUs that are made up, so that nothing has to be trained."""
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    kept = folder / "flags.txt"
    digests.write(kept, kept.read_text().replace(CHOICE, "--select_on=best"))
    last = finished.results["result_of"]
    for stage in STAGES:
        found = results(folder / stage)
        best = "base_a" if worse else last
        found["validation_miou"] = 90.0 if stage == best else 40.0
        digests.write(folder / stage / "results.json", json.dumps(found))
    done = short.session(folder, *DMT, "--select_on=best")
    assert (done.code, done.steps) == (0, ()), done.err
    whole = results(folder)
    assert whole["result_of"] == ("base_a" if worse else last)
    said = " is worse than base_a on 4 validation images, by 50.00 "
    assert (said in done.out) == worse
    assert any(said in each for each in whole["warnings"]) == worse
    assert short.weights(folder) == short.weights(folder / whole["result_of"])
