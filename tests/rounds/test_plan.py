"""Who teaches whom, and for how long: DMT's algorithms 1 and 2 as data."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mixdmt_tf.errors import UsageError
from mixdmt_tf.rounds import plan
from tests.cli import commands


def lines(stages):
    return [(each.name, each.teacher, each.start, each.fraction) for each in stages]


def test_algorithm_1_is_a_chain_of_new_networks():
    assert lines(plan.stages((0.2, 0.6, 1.0), 1, restart=True)) == [
        ("base", None, None, 0.0),
        ("round_1", "base", None, 0.2),
        ("round_2", "round_1", None, 0.6),
        ("round_3", "round_2", None, 1.0),
    ]


def test_one_network_that_goes_on():
    assert lines(plan.stages((0.5, 1.0), 1, restart=False)) == [
        ("base", None, None, 0.0),
        ("round_1", "base", "base", 0.5),
        ("round_2", "round_1", "round_1", 1.0),
    ]


def test_algorithm_2_has_both_learn_from_the_last_generation():
    """Steps 13 to 16: A_{i-1} teaches B_i, then the old B_{i-1} teaches A_i."""
    assert lines(plan.stages((0.5, 1.0), 2, restart=False)) == [
        ("base_a", None, None, 0.0),
        ("base_b", None, None, 0.0),
        ("round_1_b", "base_a", "base_b", 0.5),
        ("round_1_a", "base_b", "base_a", 0.5),
        ("round_2_b", "round_1_a", "round_1_b", 1.0),
        ("round_2_a", "round_1_b", "round_1_a", 1.0),
    ]


def test_two_networks_that_begin_anew():
    assert lines(plan.stages((1.0,), 2, restart=True))[2:] == [
        ("round_1_b", "base_a", None, 1.0),
        ("round_1_a", "base_b", None, 1.0),
    ]


@pytest.mark.parametrize("models", [1, 2])
@pytest.mark.parametrize("restart", [False, True])
def test_every_stage_needs_only_earlier_ones(models, restart):
    stages = plan.stages((0.2, 0.4, 0.6), models, restart)
    for place, stage in enumerate(stages):
        before = {each.name for each in stages[:place]}
        assert stage.name not in before
        assert {stage.teacher, stage.start} - {None} <= before
        assert stage.teacher is None or stage.round > 0
        if stage.start:  # one's own weights, never those of the other network
            (start,) = (each for each in stages if each.name == stage.start)
            assert (start.model, start.round) == (stage.model, stage.round - 1)


def test_shares_in_equal_steps():
    assert plan.fractions("", 5) == (0.2, 0.4, 0.6, 0.8, 1.0)
    assert plan.fractions("  ", 1) == (1.0,)


@pytest.mark.parametrize("text", ["20,40,100", " 20 , 40,100 ", "2e1,40.0,1e2"])
def test_shares_in_percent(text):
    assert plan.fractions(text, 3) == (0.2, 0.4, 1.0)


@pytest.mark.parametrize("text", ["20,,100", "20;40;100", "0,40,100", "20,40,101"])
def test_what_is_no_percentage(text):
    with pytest.raises(UsageError) as refused:
        plan.fractions(text, 3)
    assert f"--fractions={text}: expected percentages above 0" in str(refused.value)
    assert "20,40,60,80,100" in str(refused.value)


@pytest.mark.parametrize("text", ["nan,50", "inf,50", "-20,50", "twenty,50"])
def test_what_is_no_number(text):
    with pytest.raises(UsageError, match="expected percentages"):
        plan.fractions(text, 2)


def test_too_few_or_too_many_shares():
    with pytest.raises(UsageError, match="3 for 5 rounds.\n.*or --rounds=3"):
        plan.fractions("20,60,100", 5)
    with pytest.raises(UsageError, match="2 for 1 rounds"):
        plan.fractions("20,60", 1)


@pytest.mark.parametrize("labels, steps", [(4000, 1060 * 8), (1000, 2121 * 2)])
def test_a_base_model_of_cifar10(labels, steps):
    """Appendix B: sqrt(50,000 / labels) times 300 passes of batches of 512."""
    assert plan.base_steps(300.0, 50000, labels, 512) == steps


def test_a_base_model_of_a_part_of_the_labels_takes_the_passes_of_all():
    """sqrt(50,000 / 1,000) times 300 passes over 800 of the 1,000."""
    assert plan.base_steps(300.0, 50000, 1000, 512, 800) == 2121 * 2
    assert plan.base_steps(300.0, 50000, 1000, 64, 800) == 2121 * 13


@pytest.mark.parametrize("number, steps", [(9158, 21 * 750), (45800, 103 * 750)])
def test_a_round_of_cifar10(number, steps):
    """The release's loader keeps the last, smaller batch of 448."""
    assert plan.round_steps(750.0, number, 448) == steps


def test_at_least_a_step():
    assert plan.base_steps(0.0, 50000, 4000, 512) == 1
    assert plan.round_steps(0.0, 100, 448) == 1
    assert plan.round_steps(0.5, 896, 448) == 1
    assert plan.round_steps(0.5, 897, 448) == 1
    assert plan.round_steps(0.5, 1345, 448) == 2


def test_it_needs_no_tensorflow():
    code = "import sys, mixdmt_tf.rounds.plan; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=commands.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not set(commands.HEAVY) & set(done.stdout.split())


METHOD = {
    **{"fractions": "", "rounds": None, "models": 1, "restart": True},
    **{"base_steps": None, "round_steps": None},
}


@pytest.mark.parametrize(
    "steps, changes, expected",
    [
        (None, {}, (5, None, None)),
        (None, {"base_steps": 7, "rounds": 2}, (2, 7, None)),
        (None, {"fractions": "20, 50,100"}, (3, None, None)),
        (600, {}, (1, 300, 300)),
        (600, {"fractions": "50,100"}, (2, 200, 200)),
        (600, {"models": 2, "restart": False, "rounds": 3}, (3, 150, 50)),
        # As a run that was divided wrote them down.
        (600, {"base_steps": 300, "round_steps": 300, "rounds": 1}, (1, 300, 300)),
    ],
)
def test_lengths_of_stages(steps, changes, expected):
    found = plan.stage_lengths(steps, {**METHOD, **changes})
    assert tuple(found[n] for n in ("rounds", "base_steps", "round_steps")) == expected


def test_steps_of_all_stages_and_other_ones_of_one_contradict():
    with pytest.raises(UsageError) as refused:
        plan.stage_lengths(600, {**METHOD, "round_steps": 9})
    first, last = str(refused.value).splitlines()
    assert "--base_steps=300 --round_steps=300; the run has --round_steps=9" in first
    assert last.startswith("Give --steps alone")


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"base_steps": 300, "round_steps": 400, "rounds": 3}, (3, 200, 267)),
        ({"base_steps": 3, "round_steps": 4, "fractions": "20,40,60"}, (3, 200, 267)),
        (
            {"base_steps": 3, "round_steps": 4, "rounds": 3, "models": 2},
            (3, 100, 133),
        ),
        ({"base_steps": 10**6, "round_steps": 1, "rounds": 1}, (1, 1000, 1)),
        ({"base_steps": 300, "rounds": 1}, (1, 500, 500)),  # of one, no proportion
    ],
)
def test_lengths_as_proportions(changes, expected):
    found = plan.in_proportion(1000, {**METHOD, **changes})
    assert tuple(found[n] for n in ("rounds", "base_steps", "round_steps")) == expected
