"""Ramps, thresholds and the warm-up of the average."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import (
    cosine_7_16,
    cosine_to_zero,
    ema_decay_warmup,
    linear_ramp,
    polynomial_to_zero,
    sigmoid_ramp,
    tsa_threshold,
)


def test_weight_of_the_unlabelled_loss():
    """lambda_u = 75 after a ramp of 16,384 steps, as in RealMix's code."""
    weights = 75 * linear_ramp([0, 1024, 8192, 16384, 20000], 16384)
    np.testing.assert_allclose(weights, [0, 4.6875, 37.5, 75, 75])


def test_no_ramp():
    """A length of 0 gives full weight from the first step, in the step's shape."""
    np.testing.assert_array_equal(linear_ramp([0, 1, 99], 0), [1, 1, 1])
    assert linear_ramp(0, 0).shape == []


def test_ramp_takes_the_step_as_training_counts_it():
    """A Python int, an int64 tensor or a variable."""
    for step in (3, tf.constant(3, tf.int64), tf.Variable(3, dtype=tf.int64)):
        assert linear_ramp(step, 4) == 0.75


def test_ramp_refuses_a_negative_length():
    """It would run backwards."""
    with pytest.raises(ValueError, match="length must be 0 or more, got -1"):
        linear_ramp(0, -1)


@pytest.mark.parametrize(
    ("schedule", "num_classes", "eta"),
    [
        ("linear", 10, [0.1, 0.325, 0.55, 0.775, 1]),
        ("log", 10, [0.1, 0.742146, 0.926124, 0.978834, 0.993936]),
        ("exp", 10, [0.106064, 0.121166, 0.173876, 0.357854, 1]),
        ("linear", 6, [0.166667, 0.375, 0.583333, 0.791667, 1]),
        ("log", 6, [0.166667, 0.761246, 0.931596, 0.980402, 0.994385]),
        ("exp", 6, [0.172282, 0.186265, 0.235071, 0.405421, 1]),
    ],
)
def test_tsa_threshold_at_each_quarter(schedule, num_classes, eta):
    """Start, quarters and end of the training."""
    steps = [0, 250, 500, 750, 1000]
    computed = tsa_threshold(schedule, steps, 1000, num_classes)
    np.testing.assert_allclose(computed, eta, atol=1e-6)


@pytest.mark.parametrize("schedule", ["linear", "log", "exp"])
def test_tsa_threshold_rises_and_then_stays(schedule):
    """A run that is prolonged beyond `total` keeps the last threshold."""
    eta = tsa_threshold(schedule, np.arange(0, 101), 100, 10).numpy()
    assert np.all(np.diff(eta) > 0)
    assert tsa_threshold(schedule, 500, 100, 10).numpy() == pytest.approx(eta[-1])


def test_tsa_schedules_in_order_of_patience():
    """At every moment exp releases least and log most."""
    exp, linear, log = (
        tsa_threshold(s, np.arange(1, 100), 100, 10) for s in ("exp", "linear", "log")
    )
    assert np.all(exp < linear) and np.all(linear < log)


def test_tsa_threshold_refuses_what_it_does_not_know():
    """The message lists what it knows."""
    with pytest.raises(ValueError, match=r"\['linear', 'log', 'exp'\], got 'cosine'"):
        tsa_threshold("cosine", 0, 100, 10)
    with pytest.raises(ValueError, match="num_classes must be 2 or more, got 1"):
        tsa_threshold("linear", 0, 100, 1)


def test_ema_decay_warmup():
    """0.1 at first; 0.999 from step 8990 on."""
    steps = [0, 1, 90, 8989, 8990, 10**6]
    decay = [0.1, 2 / 11, 0.91, 8990 / 8999, 0.999, 0.999]
    np.testing.assert_allclose(ema_decay_warmup(steps, 0.999), decay, rtol=1e-6)


def test_learning_rate_of_fixmatch():
    """lr = 0.03 at the start, at quarters, at the end and beyond."""
    rates = 0.03 * cosine_7_16([0, 250, 500, 750, 1000, 2000], 1000)
    expected = [0.03, 0.028247, 0.023190, 0.015423, 0.0058527, 0.0058527]
    np.testing.assert_allclose(rates, expected, rtol=1e-4)


def test_learning_rate_that_falls_to_zero():
    """Half of it in the middle."""
    factors = cosine_to_zero([0, 250, 500, 750, 1000, 2000], 1000)
    expected = [1, 0.8535534, 0.5, 0.1464466, 0, 0]
    np.testing.assert_allclose(factors, expected, atol=1e-7)


def test_learning_rate_of_deeplab():
    """lr = 0.001 at the start, at quarters, at the end and beyond."""
    rates = 1e-3 * polynomial_to_zero([0, 250, 500, 750, 1000, 2000], 1000)
    expected = [1e-3, 7.7189e-4, 5.3589e-4, 2.8717e-4, 0, 0]
    np.testing.assert_allclose(rates, expected, rtol=2e-5)
    np.testing.assert_allclose(polynomial_to_zero(1, 4, power=2), 0.5625)
    with pytest.raises(ValueError, match="power must be above 0, got 0"):
        polynomial_to_zero(1, 4, power=0)


def test_ramp_of_gamma():
    """gamma_max = 4 over 10,000 steps; it stays at 4."""
    steps = [0, 1, 1000, 2500, 5000, 7500, 10_000, 20_000]
    expected = [0.0269518, 0.0269788, 0.0696895, 0.2402187, 1.1460192, 2.9264625, 4, 4]
    np.testing.assert_allclose(4 * sigmoid_ramp(steps, 10_000), expected, rtol=2e-6)


def test_ramps_of_length_zero():
    """Full weight from the first step."""
    np.testing.assert_array_equal(sigmoid_ramp([0, 1, 99], 0), [1, 1, 1])


@pytest.mark.parametrize("factor", [cosine_7_16, cosine_to_zero, polynomial_to_zero])
def test_learning_rates_only_fall(factor):
    """At every step of a run."""
    assert np.all(np.diff(factor(np.arange(101), 100)) < 0)
