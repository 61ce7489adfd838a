"""What one training run keeps of what it measures."""

from __future__ import annotations

import json

from mixdmt_tf import digests
from mixdmt_tf.runs import run_folder, training_loop
from tests.tasks.classification import tiny


def test_measured_steps_per_execution_change_nothing_and_are_kept(
    tmp_path, monkeypatch
):
    one = tiny.session(tmp_path / "one", tiny.SUPERVISED)
    monkeypatch.setattr(training_loop, "steps_at_once", lambda seconds, most: most + 1)
    auto = ("--steps_per_execution=auto", tiny.SUPERVISED)
    other = tmp_path / "other"
    measured = tiny.session(other, *auto)
    assert one.digest == measured.digest and 0 == one.code == measured.code
    assert measured.steps != one.steps
    assert "--steps_per_execution=auto: 3\n" in measured.out
    kept = run_folder.read_flags(other)["steps_per_execution"]
    results = json.loads((other / "results.json").read_text(encoding="utf-8"))
    assert kept == "3" == results["flags"]["steps_per_execution"]
    again = tiny.experiment(other, *auto)
    assert run_folder.as_started(other, again).run.steps_per_execution == 3


def test_the_seconds_of_a_resumed_run_include_those_before(tmp_path):
    assert tiny.session(tmp_path, tiny.SUPERVISED, "--steps=4").code == 0
    path = tmp_path / "metrics.csv"
    lines = [line.split(",") for line in digests.read(path).splitlines()]
    lines[-1][lines[0].index("seconds")] = "1000.0"
    digests.write(path, "".join(",".join(line) + "\n" for line in lines))
    assert tiny.session(tmp_path, tiny.SUPERVISED, "--steps=8").code == 0
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert 1000 < results["seconds"] < 1100
