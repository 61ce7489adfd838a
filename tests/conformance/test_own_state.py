"""A method with variables of its own: its runs stop anywhere and go on exactly."""

from __future__ import annotations

import csv
import json
from unittest import mock

import pytest

from mixdmt_tf.algorithms import pi_model
from tests.algorithms import stateful
from tests.experiments import tiny

# No log, evaluation and checkpoint come together. Without validation none is the best.
FLAGS = (
    "--algorithm=pi_model",
    "--steps=14",
    "--log_every=5",
    "--eval_every=4",
    "--checkpoint_every=7",
    "--validation=0",
)
MIRRORED = ("--strategy=mirrored", "--steps_per_execution=2")


class Crashed(BaseException):
    """The process ends without warning."""


def crash():
    raise Crashed


def session(folder, *more, moments=None):
    with mock.patch.object(pi_model, "Method", stateful.Method):
        return tiny.session(folder, *FLAGS, *more, moments=moments)


def outcome(folder):
    """All numbers that a run writes: its rows, then its results, but no times."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = [{**row, "seconds": ""} for row in csv.DictReader(file)]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    del results["seconds"], results["flags"]["workdir"]
    return [*rows, results]


@pytest.mark.parametrize("devices", [(), MIRRORED], ids=["one", "two"])
def test_stopped_and_resumed_equals_uninterrupted(devices, tmp_path):
    straight = session(tmp_path / "straight", *devices)
    assert straight.code == 0, straight.err
    expected = outcome(tmp_path / "straight")
    assert [row["step"] for row in expected[:-1]] == ["4", "8", "12", "14"]
    assert not expected[0].get("train_factor") and expected[1]["train_factor"]

    folder = tmp_path / "stopped"
    stop = {("progress", 2): tiny.TERMINATE}
    assert session(folder, *devices, moments=stop).code == 143
    # What was logged after the checkpoint from which it goes on is forgotten: the row
    # of step 8 is made again, with what was logged at step 5.
    with pytest.raises(Crashed):
        session(folder, *devices, moments={("progress", 10): crash})
    # Between a step and its evaluation.
    stop = {("evaluate", 12): tiny.TERMINATE}
    stopped = session(folder, *devices, moments=stop)
    assert (stopped.code, stopped.steps[-1]) == (143, 12), stopped.err
    assert stopped.steps[0] in (8, 9) and stopped.digest != straight.digest
    resumed = session(folder, *devices)
    assert resumed.code == 0 and resumed.steps[0] in (13, 14), resumed.err
    assert resumed.digest == straight.digest
    assert outcome(folder) == expected
