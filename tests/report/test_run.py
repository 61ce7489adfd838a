"""The command that a page gives repeats the run."""

from __future__ import annotations

import dataclasses
import shlex

import pytest

from mixdmt_tf.cli import experiments
from mixdmt_tf.report.run import command
from tests.tasks.classification import tiny

METHODS = [
    ("--algorithm=realmix", "--ood_rate=0.25", "--tsa=none", *tiny.FLAGS),
    ("--algorithm=fixmatch", *tiny.FLAGS),
    ("--algorithm=dual_student", "--dataset=digits", "--labels=30"),
    (*tiny.ROUNDS, "--dataset=digits", "--fractions=50,100"),
    ("--algorithm=supervised", "--dataset=digit_scenes", "--network=small_segmenter"),
]


@pytest.mark.parametrize("chosen", METHODS, ids=lambda chosen: chosen[0])
def test_the_command_has_every_setting_of_the_run(chosen, tmp_path):
    argv = [*chosen, f"--workdir={tmp_path}/a run"]
    experiment = experiments.build(experiments.parse(argv, "train", ""))

    words = shlex.split(command(experiment).replace("\\\n", ""))

    assert words[0] == "bin/train"
    again = experiments.build(experiments.parse(words[1:], "train", ""))
    run = dataclasses.replace(experiment.run, workdir=f"{tmp_path}/a run_again")
    assert again.to_flags() == dataclasses.replace(experiment, run=run).to_flags()


@pytest.mark.parametrize(
    "chosen", [*METHODS[2::2], ("--algorithm=dmt", "--dataset=digits", "--labels=30")]
)
def test_a_run_whose_steps_were_found_for_minutes_is_repeated_by_its_steps(
    chosen, tmp_path
):
    """Both together are refused, since they may contradict each other."""
    argv = [*chosen, "--max_minutes=5", f"--workdir={tmp_path}/run"]
    experiment = experiments.build(experiments.parse(argv, "train", ""))
    assert "--max_minutes=5" in command(experiment)
    rounds = hasattr(experiment.method, "base_steps")
    lengths = {"base_steps": 30, "round_steps": 40} if rounds else {"steps": 1234}
    words = shlex.split(command(experiment.replace(lengths)).replace("\\\n", ""))
    again = experiments.build(experiments.parse(words[1:], "train", ""))
    flags = again.to_flags()
    assert {name: flags[name] for name in lengths} == {
        name: str(value) for name, value in lengths.items()
    }
    assert flags["max_minutes"] == "none"


def test_the_command_leaves_out_what_a_method_brings():
    parsed = experiments.parse(
        ["--dataset=digits", "--algorithm=dual_student", "--workdir=runs/x"],
        "train",
        "",
    )
    text = command(experiments.build(parsed))
    assert "--batch" not in text  # 50 is what the method was published with
    lines = text.split(" \\\n")
    assert all(len(line) < 90 for line in lines) and len(lines) < 4
