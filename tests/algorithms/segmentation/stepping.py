"""Training steps, and what oracles say of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts.groups import NETWORK
from mixdmt_tf.algorithms.parts.terms import mean_over_replicas
from tests.oracles import segmentation_steps


def as_numpy(batch):
    """The batch for an oracle."""
    return {name: value.numpy() for name, value in batch.items()}


def pixelwise(weights):
    """A convolution of single pixels as an oracle calls it, in float64."""
    kernel, bias = (np.array(weight, np.float64) for weight in weights)
    return lambda images: np.asarray(images, np.float64) @ kernel[0, 0] + bias


def copied(weights):
    """In float64."""
    return [np.array(weight, np.float64) for weight in weights]


def step_of(method, batch):
    """Logs of this step alone, and what it took from the weights."""
    for metric in method.metrics:
        metric.reset_state()
    before = [w.numpy() for w in method.network.trainable_variables]
    logs = method.train_step(batch)
    pairs = zip(before, method.network.trainable_variables)
    return (
        {name: float(value) for name, value in logs.items()},
        [old - new.numpy() for old, new in pairs],
    )


def assert_steps_as(method, batch, paper):
    """Terms, loss, gradient and all reported numbers of a step are the oracle's.

    Args:
        method: made by `batches.plain` on single pixels.
        batch: for the method.
        paper: from what a network computes to all reported numbers; it holds the
            weights of pixels and what teachers say to be constants.

    Returns:
        What the oracle said.
    """
    weights = copied(method.network.get_weights())
    expected = paper(pixelwise(weights))
    gradients = segmentation_steps.gradient(
        lambda w: paper(pixelwise(w))["loss"], weights
    )
    terms, _ = method.step_losses(batch)
    total = 0.0
    for name, term in terms.items():
        assert term.values.dtype == tf.float32
        value = float(mean_over_replicas(term))
        assert value == pytest.approx(expected[name], rel=1e-4), name
        if term.group == NETWORK:
            total += value * float(term.weight)
    assert total == pytest.approx(expected["loss"], rel=1e-4)
    logs, taken = step_of(method, batch)
    assert logs == pytest.approx(expected, rel=1e-4, abs=1e-7)
    for got, wanted in zip(taken, gradients):
        assert np.abs(wanted).max() > 1e-3
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-5)
    return expected


def assert_one_pass_over(method, batch, images):
    """Batch normalization sees these images in one pass, and no others.

    Args:
        method: with a network that normalizes.
        batch: for the method.
        images: [n, h, w, 3].
    """
    before = method.network.get_weights()
    alone = keras.models.clone_model(method.network)
    alone.set_weights(before)
    alone(images, training=True)
    method.step_losses(batch)
    moved = 0
    for weight, old, got, expected in zip(
        alone.weights, before, method.network.get_weights(), alone.get_weights()
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
        moved += "moving" in weight.name and np.abs(old - expected).max() > 1e-3
    assert moved


def assert_learn_alike(one, other, batch, other_batch, rel=1.0):
    """Two methods of the same weights take the same step, but for a factor.

    Args:
        one: a method.
        other: another one, which gets the weights of the first.
        batch: of the first.
        other_batch: of the other.
        rel: the step of the first over that of the other.

    Returns:
        The logs of both.
    """
    other.network.set_weights(one.network.get_weights())
    logs, taken = step_of(one, batch)
    other_logs, expected = step_of(other, other_batch)
    for got, wanted in zip(taken, expected):
        assert np.abs(wanted).max() > 1e-3
        np.testing.assert_allclose(got, rel * wanted, rtol=1e-4, atol=1e-6)
    return logs, other_logs
