"""How long steps take, and what is said of it."""

from __future__ import annotations

import pytest

from mixdmt_tf.cli import experiments
from mixdmt_tf.runs import warnings
from mixdmt_tf.runs.pace import Pace
from mixdmt_tf.runs.warnings import before_the_first_step, time_needed
from tests.tasks.classification import tiny


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def paced(events):
    """A pace, and at which of (seconds since the event before, step) it was known."""
    clock = Clock()
    pace = Pace(clock)
    pace.begin(0)
    known = []
    for seconds, step in events:
        clock.now += seconds
        if pace.stepped(step):
            known.append(step)
    return pace, clock, known


def test_the_first_execution_compiles_and_does_not_count():
    pace, _, known = paced([(30, 1), (2, 2)])
    assert pace.seconds_per_step == 2 and known == [2]
    assert paced([(30, 1)])[0].seconds_per_step is None


def test_it_is_known_once_after_two_executions():
    pace, _, known = paced([(30, 10), (20, 20), (40, 30), (60, 40)])
    assert known == [20]
    assert pace.seconds_per_step == 4  # the median of 2, 4 and 6


def test_what_is_no_step_does_not_count():
    pace, clock, _ = paced([(30, 1), (2, 2)])
    clock.now += 1000  # an evaluation
    pace.begin(2)
    clock.now += 2
    pace.stepped(3)
    assert pace.seconds_per_step == 2


def test_of_evaluations_the_first_does_not_count_either():
    pace = Pace()
    assert pace.seconds_per_evaluation is None
    for seconds in (9.0, 1.0, 2.0, 3.0):
        pace.evaluated(seconds)
    assert pace.seconds_per_evaluation == 2


@pytest.mark.parametrize(
    "steps, said",
    [
        (3, "3 steps of 2.00 s, about 6 s, and evaluations"),
        (3600, "3,600 steps of 2.00 s, about 2 h 00 min, and evaluations"),
    ],
)
def test_a_run_that_fits(steps, said):
    pace, _, _ = paced([(30, 1), (2, 2), (2, 3)])
    assert time_needed(tiny.experiment("runs/x"), pace, steps) == said


def test_a_long_run_is_told_what_would_fit():
    pace, _, _ = paced([(30, 1), (2, 2), (2, 3)])
    said = time_needed(tiny.experiment("runs/x"), pace, 3601)
    assert said.count("\n") == 1
    assert "--max_minutes=60" in said and "flags/base/cpu_rows.flags" in said


def test_what_follows_counts():
    """Each image takes as long as one of the steps that were measured."""
    experiment = tiny.experiment("runs/x")
    images = warnings.images_per_step(experiment)
    pace, _, _ = paced([(30, 1), (2, 2), (2, 3)])
    pace.later = 20 * images
    said = time_needed(experiment, pace, 10)
    assert said == (
        "10 steps of 2.00 s, about 20 s, and evaluations; about 60 s with all that "
        "follows"
    )
    pace.later, pace.whole = 3600 * images, experiments_of("--algorithm=dmt")
    assert "--flagfile=flags/base/cpu_rounds.flags" in time_needed(experiment, pace, 10)


def experiments_of(*flags):
    return experiments.build(experiments.parse([*flags, "--dataset=digits"], "", ""))


def test_before_the_first_step_of_a_length_that_nobody_chose(monkeypatch):
    experiment = tiny.experiment("runs/x")
    size = experiment, 524_288, 9_000_000
    first, second = before_the_first_step(*size, 7200.0, 3456).split("\n")
    assert first == (
        "524,288 steps with 9,000,000 images, the default, take about 2 h 00 min on "
        "this machine, by a few that were timed; they are meant for GPUs"
    )
    assert second.startswith("in an hour fit 3,456 steps: --max_minutes=60 in another")
    assert "--flagfile=flags/base/cpu_rows" in second
    short = before_the_first_step(*size, 3600.0, 524_288)
    assert short.endswith("by a few that were timed") and "\n" not in short
    monkeypatch.setattr(warnings.tf.config, "list_physical_devices", lambda _: ["GPU"])
    assert "GPU" not in before_the_first_step(*size, 7200.0, 3456)
