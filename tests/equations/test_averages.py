"""Averaged and decayed weights."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import decay_weight, ema, ema_decay_warmup, initial_share
from tests.oracles import averages


@pytest.mark.parametrize(
    ("decay", "values", "averages"),
    [
        (0.999, [2, 2, 2], [1.001, 1.001999, 1.002997001]),
        (0.001, [2, 3, 5], [1.999, 2.998999, 4.997998999]),
    ],
)
def test_ema_from_one(decay, values, averages):
    """A slow average, and one that is almost the newest value."""
    average = tf.constant(1.0)
    for i, value in enumerate(values):
        average = ema(average, value, decay)
        assert float(average) == pytest.approx(averages[i], rel=2e-7)


def test_ema_at_its_limits():
    """Decay 1 never learns, decay 0 never remembers."""
    old, new = np.array([1.5, -2.0], np.float32), np.array([0.3, 7.0], np.float32)
    np.testing.assert_array_equal(ema(old, new, 1.0), old)
    np.testing.assert_allclose(ema(old, new, 0.0), new, rtol=1e-6)


def test_ema_of_a_constant_does_not_drift():
    """Weights that stand still are their own average to the last bit."""
    w = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    np.testing.assert_array_equal(ema(w, w, 0.999), w)


def test_ema_takes_a_decay_that_was_computed():
    """From the warm-up, as a tensor."""
    assert float(ema(1.0, 3.0, tf.constant(0.75))) == 1.5


def test_decay_weight_of_one_step():
    """The factor of RealMix's settings is 0.99996."""
    np.testing.assert_allclose(
        decay_weight([1.0, -2.0], 0.02, 0.002), [0.99996, -1.99992]
    )


def test_decay_weight_of_a_whole_ramp():
    """Over 16,384 steps float32 must not lose what each step takes away."""

    @tf.function
    def many_steps(w):
        for _ in tf.range(16384):
            w = decay_weight(w, 0.02, 0.002)
        return w

    w = tf.constant([1.0, -0.3, 7.7])
    np.testing.assert_allclose(many_steps(w) / w, [0.519248] * 3, atol=2e-6)


def test_decay_weight_follows_the_learning_rate():
    """A rate of 0, and one that is a variable."""
    assert float(decay_weight(3.0, 0.02, 0.0)) == 3
    assert float(decay_weight(3.0, 0.5, tf.Variable(0.5))) == 2.25


@pytest.mark.parametrize("warmup", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99, 0.999, 1.0])
def test_what_is_left_of_the_initial_weights(decay, warmup):
    """Equals an average that is 1 at first and sees zeros."""
    for steps in (0, 1, 2, 7, 100, 1600):
        expected = averages.initial_share(decay, warmup, steps)
        found = initial_share(decay, warmup, steps)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_what_is_left_of_the_initial_weights_in_numbers():
    """DMT's decay over the steps of short and of published runs."""
    assert initial_share(0.999, False, 1600) == pytest.approx(0.201735, abs=1e-6)
    assert initial_share(0.999, False, 8480) == pytest.approx(2.07e-4, rel=0.01)
    assert initial_share(0.999, True, 2) == pytest.approx(0.1 * 2 / 11)


def test_what_is_left_is_what_the_average_holds():
    """The equations that training uses, step by step."""
    average = tf.constant(1.0)
    for t in range(20):
        average = ema(average, 0.0, ema_decay_warmup(t, 0.5))
    share = initial_share(0.5, True, 20)
    assert float(average) == pytest.approx(share, rel=1e-5)
