"""Runs in rounds: what they leave, what they refuse, which network is the result."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from mixdmt_tf.cli import evaluate
from mixdmt_tf.data.classification import datasets, pseudo_labels, splits
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import labeling
from tests.tasks.classification import tiny

DMT = (*tiny.ROUNDS, "--compare_supervised")
BASE = ("--algorithm=dmt_baseline", "--steps=6", "--eval_every=6", "--augment=none")


def results(folder):
    return json.loads((folder / "results.json").read_text())


def refusal(path, *flags, code=2):
    done = tiny.session(path, *flags)
    assert (done.code, done.steps) == (code, ()), done.out + done.err
    assert done.err.startswith("error: ") and "Traceback" not in done.err
    return done.err


def with_others(flags, *more):
    """A later flag in place of an earlier one."""
    given = {each.partition("=")[0] for each in more}
    return [each for each in flags if each.partition("=")[0] not in given] + [*more]


def test_what_a_run_says(finished_rounds):
    lines = finished_rounds.session.out.splitlines()
    places = [lines.index("[1/3] base: labels alone")]
    said = "the most confident 50 % of the labels that base gives"
    places.append(lines.index(f"[2/3] round_1: {said}"))
    last = "[3/3] round_2: the most confident 100 % of the labels "
    last += "that round_1 gives; about "
    places.append(next(i for i, line in enumerate(lines) if line.startswith(last)))
    assert places == sorted(places)
    # All stages but the last say how long they and what follows will take.
    long = [n for n, line in enumerate(lines) if "with all that follows" in line]
    assert len(long) == 2 and long[1] < places[-1]
    assert sum(line.startswith("class  labelled") for line in lines) == 1
    summary = lines[places[-1] :]
    for each in finished_rounds.results["rounds"]:
        words = f"{each['stage'].replace('_', ' ')}: {each['pseudo_labels']:,} pseudo "
        right = f"labels, {each['pseudo_accuracy']:.2f} % of them right; test error "
        line = f"{words}{right}{each['test_error']:.2f} %; mean weight "
        assert any(each.startswith(line) for each in summary)
    base = finished_rounds.results["base_error"]
    assert (
        f"test error of the base model, labels alone: {base:.2f} % (raw"
        in "\n".join(summary)
    )
    assert not any(line.startswith("test error of supervised") for line in lines)
    assert lines[-2] == f"run folder: {finished_rounds.folder}"


def test_results_are_those_of_the_last_round_and_of_all(finished_rounds):
    folder, found = finished_rounds.folder, finished_rounds.results
    stages = [results(folder / name) for name in ("base", "round_1", "round_2")]
    assert found["algorithm"] == "dmt" and found["result_of"] == "round_2"
    for name in ("test_error", "test_error_raw", "validation_error", "best_step"):
        assert found[name] == stages[-1][name]
    assert found["base_error"] == found["supervised_error"] == stages[0]["test_error"]
    assert found["supervised_error_raw"] == stages[0]["test_error_raw"]
    assert found["steps"] == 18
    assert found["seconds"] == pytest.approx(sum(s["seconds"] for s in stages), abs=0.1)
    assert (
        found["flags"]["workdir"] == str(folder) and found["flags"]["steps"] == "none"
    )
    for round_, stage in zip(found["rounds"], stages[1:]):
        assert round_["test_error"] == stage["test_error"]
        assert round_["seed"] == stage["seed"] != found["seed"]
        assert 0 <= round_["mean_weight"] <= 1
        assert sum(round_["cases"].values()) == pytest.approx(100)
    assert (folder / "export" / "saved_model.pb").exists()
    assert not list(folder.glob("*/export"))
    assert not [path for path in folder.rglob(".*") if path.name != ".lock"]


def test_the_table_of_the_rounds_is_that_of_the_results(finished_rounds):
    with (finished_rounds.folder / "rounds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows] == ["round_1", "round_2"]
    for row, found in zip(rows, finished_rounds.results["rounds"]):
        for name in ("pseudo_accuracy", "test_error", "mean_weight"):
            assert float(row[name]) == found[name]
        assert float(row["agree"]) == found["cases"]["agree"]


def test_the_pseudo_labels_are_those_that_the_results_judge(finished_rounds):
    folder = finished_rounds.folder
    experiment = tiny.experiment(folder, *DMT)
    source = datasets.load(experiment.data)
    split = splits.read_split(folder / "split.json", source)
    for number, found in zip((686, 1372), finished_rounds.results["rounds"]):
        path = folder / "pseudo_labels" / f"{found['stage']}.npz"
        pseudo = pseudo_labels.read(path, split, 10)
        assert pseudo.kept.sum() == number == found["pseudo_labels"]
        truth = source.train.labels[pseudo.ids]
        right = 100 * np.mean((pseudo.labels == truth)[pseudo.kept])
        assert found["pseudo_accuracy"] == pytest.approx(right)


def test_each_round_is_taught_by_the_network_before_it(finished_rounds):
    folder = finished_rounds.folder
    experiment = tiny.experiment(folder, *DMT)
    source = datasets.load(experiment.data)
    split = splits.read_split(folder / "split.json", source)
    found = []
    for teacher, stage, share in (("base", "round_1", 0.5), ("round_1", "round_2", 1)):
        model = trained.load(open_task(experiment), folder / teacher)
        asked = labeling.label(model, source, split, share)
        file = folder / "pseudo_labels" / f"{stage}.npz"
        assert pseudo_labels.read(file, split, 10).digest() == asked.digest()
        found.append(asked.confidence)
    assert (found[0] != found[1]).any()


def test_evaluating_the_run(finished_rounds, capsys):
    assert evaluate.main([f"--workdir={finished_rounds.folder}"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{finished_rounds.folder}, step 6"
    found = finished_rounds.results
    assert any(
        line.startswith(f"test: error {found['test_error']:.2f} % of 355 images (raw")
        for line in said
    )


def test_evaluating_a_run_that_is_not_finished(finished_rounds, capsys, tmp_path):
    folder = shutil.copytree(finished_rounds.folder, tmp_path / "run")
    for name in ("results.json", "data.json", "metrics.csv"):
        (folder / name).unlink()
    shutil.rmtree(folder / "checkpoints")
    assert evaluate.main([f"--workdir={folder}"]) == 1
    said = capsys.readouterr().err
    assert "Run the training command of the folder again" in said
    assert evaluate.main([f"--workdir={folder / 'round_1'}"]) == 0


@pytest.mark.parametrize(
    "more, said",
    [
        (["--labels=1442", "--validation=0"], "train with --algorithm=dmt_baseline"),
        (
            ["--fractions=0.01,100"],
            "0.01 % of 1,372 unlabelled images is none (round_1)",
        ),
        (["--fractions=20"], "1 for 2 rounds"),
        (["--models=2", "--difference_share=1"], "expected a number between 0.5 and 1"),
        (["--steps=5"], "--steps=5 are divided among all stages"),
        (["--models=2", "--init_from=runs/x"], "--models=2 needs two"),
    ],
)
def test_what_cannot_be_trained_is_said_at_once(more, said, tmp_path):
    assert said in refusal(tmp_path, *with_others(tiny.ROUNDS, *more))
    assert not (tmp_path / "split.json").exists()


@pytest.mark.parametrize(
    "flag, line",
    [
        ("--fractions=20,100", "  --fractions:  -> 20,100"),
        ("--rounds=3", "  --rounds: 2 -> 3"),
        ("--round_steps=7", "  --round_steps: 6 -> 7"),
        ("--gamma1=2", "  --gamma1: 4.0 -> 2.0"),
    ],
)
def test_other_settings_in_the_folder(flag, line, finished_rounds):
    flags = with_others(DMT, flag)
    said = refusal(finished_rounds.folder, *flags, code=1)
    assert line in said.splitlines()


def test_other_pseudo_labels_under_a_checkpoint(finished_rounds, tmp_path):
    folder = shutil.copytree(finished_rounds.folder, tmp_path / "run")
    (folder / "round_2" / "results.json").unlink()
    path = folder / "pseudo_labels" / "round_2.npz"
    source = datasets.load(tiny.experiment(folder, *DMT).data)
    split = splits.read_split(folder / "split.json", source)
    pseudo = pseudo_labels.read(path, split, 10)
    pseudo.labels[5] = (pseudo.labels[5] + 1) % 10
    pseudo_labels.write(path, pseudo, split)
    said = refusal(folder, *DMT, code=1)
    assert "or other pseudo labels" in said and "round_2" in said


@pytest.mark.parametrize("name", ["dmt", "curriculum_labeling"])
def test_a_base_model_that_is_given(name, finished_rounds, tmp_path):
    base = finished_rounds.folder / "base"
    flags = with_others(tiny.ROUNDS, f"--algorithm={name}", f"--init_from={base}")
    done = tiny.session(tmp_path, *flags)
    assert done.code == 0, done.err
    assert done.steps == 2 * (1, 2, 3, 4, 5, 6) and f"finished: {base}\n" in done.out
    assert done.out.count("class  labelled") == 1
    assert not (tmp_path / "base").exists()
    found, whole = results(tmp_path), finished_rounds.results
    assert (found["steps"], found["base_error"]) == (12, whole["base_error"])
    # The same network gives the same labels, whoever asks.
    ours, theirs = (
        (folder / "pseudo_labels" / "round_1.npz").read_bytes()
        for folder in (tmp_path, finished_rounds.folder)
    )
    assert ours == theirs
    if name == "dmt":
        for one, other in zip(found["rounds"], whole["rounds"]):
            assert {**one, "seconds": 0} == {**other, "seconds": 0}
    else:
        assert found["rounds"][0]["mean_weight"] is None


def test_a_base_model_that_does_not_fit(finished_rounds, tmp_path):
    base = f"--init_from={finished_rounds.folder / 'base'}"

    def said(*more):
        flags = with_others((*tiny.ROUNDS, base), *more)
        return refusal(tmp_path / "run", *flags, code=1)

    assert "was trained with labels that this run hides" in said("--seed=2")
    assert "was trained with labels that this run hides" in said("--labels=10")
    assert "trained with another network: --filters=4" in said("--filters=5")
    whole = shutil.copytree(finished_rounds.folder / "base", tmp_path / "base")
    (whole / "results.json").unlink()
    assert "not finished" in said(f"--init_from={whole}")
    assert "holds no trained run" in said(f"--init_from={tmp_path / 'none'}")
    assert not (tmp_path / "run" / "split.json").exists()
