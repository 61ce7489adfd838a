"""Whether a run has the checkpoint that its numbers are of. No network is needed."""

from __future__ import annotations

import json
import shutil

import pytest

from mixdmt_tf import digests
from mixdmt_tf.runs import finished, manifests

TABLE = "step,validation_error\n2,9\n4,7\n6,8\n"


@pytest.fixture
def run(tmp_path):
    """What a run of six steps leaves that was best after the fourth."""
    folder = tmp_path / "run"
    folder.mkdir()
    digests.write(folder / "metrics.csv", TABLE)
    digests.write(folder / "results.json", json.dumps({"steps": 6}))
    for step in (2, 4, 5, 6):
        add(folder, step)
    return folder


def add(folder, step):
    place = finished.place(folder, step)
    place.mkdir(parents=True)
    (place / "state").write_text(str(step))
    manifests.write(place, step, None, {}, 2)


def spoil(folder, step):
    (finished.place(folder, step) / "state").write_text("other weights")


def steps(folder):
    return manifests.steps(folder / "checkpoints")


@pytest.mark.parametrize(
    ("lost", "last", "best"),
    [(6, False, False), (5, True, True), (4, True, False), (2, True, True)],
)
def test_a_run_is_finished_with_the_checkpoints_that_count(lost, last, best, run):
    assert finished.is_finished(run, 6) and finished.is_finished(run, 6, "best")
    assert not finished.is_finished(run, 7)
    spoil(run, lost)
    assert finished.is_finished(run, 6) == last
    assert finished.is_finished(run, 6, "best") == best


def test_damaged_files_are_put_back_first(run):
    (run / "results.json").write_text('{"steps": 6 }')
    assert not finished.is_finished(run, 6)


def test_the_step_that_a_run_ended_with(run):
    assert (finished.last_step(run), finished.best_step(run)) == (6, 4)
    add(run, 8)  # it is being prolonged
    assert finished.last_step(run) is None
    (run / "results.json").unlink()
    assert finished.last_step(run) is None
    # Of rounds: the steps of all stages, and the table of the one that is the result.
    whole = {"steps": 18, "result_of": "round_2"}
    digests.write(run / "results.json", json.dumps(whole))
    digests.write(run / "metrics.csv", TABLE + "8,8\n")
    assert finished.last_step(run) == 8


def test_a_run_without_its_checkpoint_is_refused(run):
    finished.require(run, "last")
    finished.require(run, "best")
    spoil(run, 6)
    finished.require(run, "best")
    with pytest.raises(digests.Damaged, match="step-00000006 is damaged: changed"):
        finished.require(run, "last")
    shutil.rmtree(finished.place(run, 4))
    with pytest.raises(digests.Damaged, match="step-00000004 is damaged: it is miss"):
        finished.require(run, "best")
    (run / "results.json").unlink()
    digests.forget(run / "results.json")
    finished.require(run, "last")


def test_way_is_made_for_the_best_checkpoint_alone(run):
    assert finished.go_back(run, "best") is None
    spoil(run, 4)
    assert finished.go_back(run, "last") is None and steps(run) == [2, 4, 5, 6]
    assert finished.go_back(run, "best") == 4 and steps(run) == [2]
    assert finished.go_back(run, "best") is None
    add(run, 4)
    assert finished.go_back(run, "best") is None and steps(run) == [2, 4]
