"""Examples that networks pick for each other, and calibrated confidence."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.equations import (
    at_temperature,
    disagreement_mask,
    fitted_temperature,
    small_loss_mask,
)


def test_co_teaching_by_hand():
    """Each network picks two of four for the other."""
    losses = [0.1, 0.9, 0.3, 0.7], [0.8, 0.2, 0.4, 0.6]
    picks = [small_loss_mask(each, [1, 1, 1, 1], 0.5) for each in losses]
    np.testing.assert_array_equal(picks[0], [1, 0, 1, 0])
    np.testing.assert_array_equal(picks[1], [0, 1, 1, 0])
    assert np.mean(np.array(losses[0])[np.array(picks[1]) > 0]) == pytest.approx(0.6)
    assert np.mean(np.array(losses[1])[np.array(picks[0]) > 0]) == pytest.approx(0.6)


def test_co_teaching_plus_by_hand():
    """Rows 1 and 3 differ; half of them is one."""
    one, other = np.eye(3)[[0, 1, 2, 1]], np.eye(3)[[0, 2, 2, 0]]
    differ = disagreement_mask(one, other)
    np.testing.assert_array_equal(differ, [0, 1, 0, 1])
    mask = small_loss_mask([0.1, 0.9, 0.2, 0.5], differ, 0.5)
    np.testing.assert_array_equal(mask, [0, 0, 0, 1])


@pytest.mark.parametrize("total", range(1, 60))
def test_the_number_is_exact(total):
    """As (1 - .1) total in whole numbers, whatever float32 makes of it."""
    mask = small_loss_mask(np.zeros(total), np.ones(total), 0.1)
    assert np.sum(mask) == 9 * total // 10
    assert not np.any(np.diff(mask) > 0)  # of equals the first


def test_a_temperature_makes_confidence_true():
    """Of images that a network is sure of at .99 and right about at .75."""
    probs = np.array([[0.99, 0.01]] * 400)
    labels = np.array([0] * 300 + [1] * 100)
    temperature = fitted_temperature(probs, labels)
    assert temperature == pytest.approx(np.log(99) / np.log(3), rel=1e-3)
    calibrated = at_temperature(probs, temperature)
    np.testing.assert_allclose(calibrated, [[0.75, 0.25]] * 400, atol=1e-4)


def test_temperatures_of_one_and_of_zeros():
    probs = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(at_temperature(probs, 1.0), probs, atol=1e-12)
    softer = at_temperature(probs, 2.0)
    roots = np.sqrt(probs[0])
    np.testing.assert_allclose(softer[0], roots / roots.sum(), rtol=1e-6)
    assert np.isfinite(softer).all()


def test_what_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        at_temperature([[0.5, 0.5]], 0.0)
    with pytest.raises(ValueError, match="no images"):
        fitted_temperature(np.zeros((0, 2)), [])
