"""What follows from a run's length: the papers' values at the papers' lengths."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from mixdmt_tf import algorithms, lengths, models
from mixdmt_tf.runs.config import Config as RunConfig
from mixdmt_tf.settings import classes, settings_of

PAPER = 524288  # RealMix section 4: "500k", in MixMatch's release 2^19
LENGTHS = [1, 2, 30, 300, 600, 1000, 5000, 20000, 40960, 100000, PAPER, 2**24]
METHODS = [
    (task, name)
    for task in ("classification", "segmentation")
    for name in classes(f"mixdmt_tf.algorithms.{task}")
]


@pytest.mark.parametrize("longest", [0.5, 0.9, 0.99, 0.999])
def test_momentum_is_the_papers_in_long_runs_and_forgets_in_short_ones(longest):
    assert lengths.batch_norm_momentum(longest, PAPER) == longest
    found = [lengths.batch_norm_momentum(longest, steps) for steps in LENGTHS]
    assert found == sorted(found) and max(found) <= longest
    for steps, momentum in zip(LENGTHS, found):
        assert momentum <= 0.9 or momentum**steps < 1e-8  # of the initial statistics


def test_momentum_of_realmix_by_length():
    of = {
        steps: lengths.batch_norm_momentum(0.999, steps)
        for steps in (300, 600, 1000, 5000, 19999, 20000)
    }
    assert of == {
        **{300: 0.9333, 600: 0.9667, 1000: 0.98, 5000: 0.996},
        **{19999: 0.999, 20000: 0.999},
    }


@pytest.mark.parametrize(
    "decay, published",
    [
        (0.999, PAPER),  # MixMatch, RealMix, FixMatch
        (0.9999, 400000),  # UDA
        (0.9999, 200000),  # twenty spans
        (0.99, 40000),  # CutMix for segmentation
        (0.0, 1),  # DMT for segmentation averages nothing
    ],
)
def test_the_average_is_the_papers_at_the_papers_length(decay, published):
    assert not lengths.ema_warmup(decay, published)


@pytest.mark.parametrize("decay", [0.5, 0.99, 0.999, 0.9999])
def test_short_runs_warm_their_average_up(decay):
    found = [lengths.ema_warmup(decay, steps) for steps in LENGTHS]
    assert found == sorted(found, reverse=True) and found[0]
    for steps, warmup in zip(LENGTHS, found):
        assert warmup or decay**steps < 1e-5  # of the initial weights


def test_the_ramp_is_mixmatchs_and_lies_between_it_and_a_short_run():
    found = {steps: lengths.lambda_u_ramp(steps) for steps in LENGTHS}
    assert found[PAPER] == found[20000] == 16384
    assert (found[600], found[1000], found[5000]) == (3135, 4048, 9051)
    assert all(min(steps, 16384) <= ramp for steps, ramp in found.items())
    assert list(found.values()) == sorted(found.values())


def test_running_means_of_methods_forget_as_batch_normalization_does():
    assert lengths.running_decay(0.999, PAPER) == 0.999
    assert lengths.running_decay(0.999, 20000) == 0.999
    assert lengths.running_decay(0.999, 600) == 0.9667
    found = [lengths.running_decay(0.999, steps) for steps in LENGTHS]
    assert found == sorted(found) and min(found) == 0.9


@pytest.mark.parametrize(
    "name, setting, published, short",
    [
        ("remixmatch", "lambda_u_ramp", 16384, 3135),
        ("freematch", "threshold_decay", 0.999, 0.9667),
        ("softmatch", "statistics_decay", 0.999, 0.9667),
    ],
)
def test_settings_of_methods_by_length(name, setting, published, short):
    """The papers train 2^20 steps."""
    config = algorithms.method("classification", name).config_class()
    assert getattr(config.for_run(2**20), setting) == published
    assert getattr(config.for_run(600), setting) == short
    given = dataclasses.replace(config, **{setting: 1})
    assert getattr(given.for_run(600), setting) == 1


def test_mixup_has_a_warmup_in_short_runs_only():
    found = [lengths.mixup_warmup(steps) for steps in LENGTHS]
    assert found == sorted(found, reverse=True)
    assert (lengths.mixup_warmup(19999), lengths.mixup_warmup(20000)) == (1.0, 0.0)


def test_images_of_both_kinds_are_normalized_together_in_long_runs_only():
    assert [lengths.one_pass(steps) for steps in (1, 600, 19999)] == [False] * 3
    assert lengths.one_pass(20000) and lengths.one_pass(23140)  # PixelSSL's run


@pytest.mark.parametrize(
    "task, published", [("classification", 1024), ("segmentation", 500)]
)
def test_evaluations(task, published):
    found = [lengths.eval_every(task, steps) for steps in LENGTHS]
    assert found[-2] == published and found == sorted(found) and found[0] == 1
    assert lengths.eval_every(task, 600) == 60


@pytest.mark.parametrize(
    "models_, restart", list(itertools.product((1, 2), (True, False)))
)
def test_rounds_divide_the_steps(models_, restart):
    before = 0
    for steps in LENGTHS:
        found = lengths.rounds(steps, models_, restart)
        total = models_ * (found.base_steps + found.rounds * found.round_steps)
        stages = models_ * (1 + found.rounds)
        assert 1 <= found.rounds <= 5 and before <= found.rounds
        assert abs(total - steps) <= stages
        assert restart or abs(found.base_steps - steps / models_ / 2) <= 1
        before = found.rounds
    assert before == 5  # as in the papers
    assert lengths.rounds(6000, models_, restart, 3).rounds == 3


def test_rounds_of_short_runs():
    assert lengths.rounds(600, 1, True) == (1, 300, 300)
    assert lengths.rounds(1800, 1, True) == (5, 300, 300)
    assert lengths.rounds(600, 1, False) == (2, 300, 150)
    assert lengths.rounds(600, 2, False) == (1, 150, 150)


@dataclasses.dataclass(frozen=True)
class Made:
    a: object = None
    b: object = None


def test_only_what_is_left_open_is_filled_in():
    made = Made(b=0)
    assert lengths.filled_in(made, a=1, b=2) == Made(1, 0)
    assert lengths.filled_in(Made(1, 2), a=3, b=4) == Made(1, 2)


def left_open(config):
    every = settings_of(type(config))
    return {e.name for e in every if e.by_length and getattr(config, e.name) is None}


@pytest.mark.parametrize("task, name", METHODS)
def test_every_method_is_filled_in_once(task, name):
    config = algorithms.method(task, name).config_class()
    of_rounds = {"rounds", "base_steps", "round_steps"}  # `rounds/plan.py` does these
    for steps in LENGTHS:
        found = config.for_run(steps)
        assert left_open(found) <= of_rounds
        assert found.for_run(1) == found == found.for_run(PAPER)
    open_ = left_open(config)
    assert all(
        getattr(config, e.name) is None
        for e in settings_of(type(config))
        if e.name in open_
    )


def test_a_longer_run_goes_as_far_as_the_one_that_its_rate_is_meant_for():
    for steps in (1, 100, 400):
        assert lengths.learning_rate(0.0003, 400, steps) == 0.0003
    for steps in (401, 600, 1500, PAPER):
        rate = lengths.learning_rate(0.0003, 400, steps)
        assert rate * steps == pytest.approx(0.0003 * 400)
        assert lengths.learning_rate(0.0003, None, steps) == 0.0003


@pytest.mark.parametrize("name", ["wide_resnet", "deeplab_v2"])
def test_networks_are_filled_in_once(name):
    config = models.network(name)()
    assert left_open(config) == {"batch_norm_momentum"}
    assert not left_open(config.for_run(600))
    assert config.for_run(600).for_run(PAPER) == config.for_run(600)


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_intervals_that_are_given_stay(task):
    config = RunConfig(eval_every=7).for_run(600, task)
    assert (config.eval_every, config.checkpoint_every) == (7, 60)
    assert config.for_run(PAPER, task) == config
