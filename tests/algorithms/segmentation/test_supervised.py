from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.segmentation import supervised
from mixdmt_tf.data.segmentation.recipe import Recipe
from tests.algorithms.segmentation import batches, stepping
from tests.oracles import segmentation_steps

SIZE = (5, 4)


def test_a_step_follows_the_paper():
    method = batches.plain("supervised")
    batch = batches.batch_for(method, size=SIZE)
    given = stepping.as_numpy(batch)
    assert 0 < (given["y"] == batches.IGNORED).mean() < 0.5
    stepping.assert_steps_as(
        method, batch, lambda network: segmentation_steps.supervised(network, given)
    )


def test_the_mean_is_over_the_pixels_of_all_samples_together():
    """By hand: of two images one has a single label, the other all four."""
    network = keras.Sequential([keras.Input((2, 2, 2)), keras.layers.Activation(None)])
    method = supervised.Supervised(network, supervised.Config(), RunFacts(2, 2, 100))
    p = np.full((2, 2, 2, 2), 0.5)
    p[0, 0, 0] = [0.9, 0.1]
    y = np.array([[[1, 255], [255, 255]], [[0, 1], [1, 0]]])
    batch = {"x": tf.constant(np.log(p), tf.float32), "y": tf.constant(y, tf.int32)}
    terms, reports = method.step_losses(batch)
    expected = (-np.log(0.1) - 4 * np.log(0.5)) / 5
    term = terms["loss_x"]
    np.testing.assert_allclose(
        tf.reduce_sum(term.values * term.mask) / tf.reduce_sum(term.mask),
        expected,
        rtol=1e-5,
    )
    assert not reports and not term.over_all and term.weight == 1


def test_what_it_asks_for_and_how_it_is_updated():
    """Section 5.2.2 and appendix B: no average, no unlabelled images."""
    config = supervised.Config()
    assert supervised.Supervised.recipe(config) == Recipe()
    assert (config.optimizer, config.momentum) == ("sgd", 0.9)
    assert (config.weight_decay, config.weight_decay_form) == (0.0005, "l2")
    assert config.learning_rate_schedule == "poly" and config.ema_decay == 0
    assert (config.learning_rate, config.epochs) == (0.002, 30)


@pytest.mark.parametrize("step", [0, 50])
def test_the_rate_falls_and_the_decay_is_in_the_gradient(step):
    """(1 - t/T)^.9; and the average is the weight itself."""
    method = batches.plain("supervised", learning_rate=0.5, weight_decay=0.1)
    first, batch = method.network.get_weights(), batches.batch_for(method)
    _, gradients = stepping.step_of(method, batch)
    method.network.set_weights(first)
    method.compile()
    method.optimizer.build(method.network.trainable_variables)
    method.optimizer.iterations.assign(step)
    _, taken = stepping.step_of(method, batch)
    rate = 0.5 * (1 - step / batches.STEPS) ** 0.9
    for got, gradient, weight in zip(taken, gradients, first):
        wanted = rate * (gradient + 0.1 * weight)
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)
    for weight, average in method.average.pairs():
        np.testing.assert_allclose(weight, average, rtol=1e-6)


def test_one_pass_through_batch_normalization():
    method = batches.build("supervised")
    batch = batches.batch_for(method)
    stepping.assert_one_pass_over(method, batch, batch["x"])
