from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.recipe import Recipe
from tests.algorithms import batches, stepping
from tests.oracles import frame_steps


def test_losses_follow_the_paper():
    method = stepping.trained_a_little("pi_model")
    batch = stepping.batch_for(method)
    terms, _ = method.step_losses(batch)
    loss_x, loss_u = frame_steps.pi_model(
        stepping.forward(method.network), stepping.as_numpy(batch), batches.CLASSES
    )
    assert loss_u > 0.01
    assert stepping.value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
    assert stepping.value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)


def test_it_asks_for_two_views():
    method = batches.build("pi_model")
    assert method.recipe(method.config) == Recipe(2)


def test_equal_views_cost_nothing():
    method = stepping.trained_a_little("pi_model")
    batch = stepping.batch_for(method)
    batch["u"] = tf.repeat(batch["u"][:, :1], 2, axis=1)
    values = method.step_losses(batch)[0]["loss_u"].values
    np.testing.assert_allclose(values, 0, atol=1e-10)


def test_the_gradient_flows_through_one_prediction_only():
    method = stepping.trained_a_little("pi_model")
    batch = stepping.batch_for(method)
    free = stepping.gradient(method, batch)
    constant = method.guess(batch["u"][:, 0])
    method.guess = lambda images: constant
    for got, expected in zip(free, stepping.gradient(method, batch)):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("warmup", "expected"), [(0.4, [0, 5, 10, 20, 20]), (0.0, [20] * 5)]
)
def test_lambda_u_grows_over_the_first_part_of_the_run(warmup, expected):
    """40 of 100 steps by default."""
    method = batches.build("pi_model", warmup=warmup)
    weights = [
        float(
            method.step_losses(stepping.batch_for(method, 2, step))[0]["loss_u"].weight
        )
        for step in (0, 10, 20, 40, 99)
    ]
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_guess_accuracy_counts_known_truth_only():
    method = stepping.trained_a_little("pi_model")
    batch = stepping.batch_for(method, rows=4)
    guessed = method.guess(batch["u"][:, 0]).numpy()
    best = guessed.argmax(-1)
    truth = np.array([best[0], (best[1] + 1) % 4, -1, -2], np.int32)
    reports = method.step_losses({**batch, "u_truth": truth})[1]
    hits, known = reports["guess_accuracy"]
    np.testing.assert_array_equal(hits, [1, 0, 0, 0])
    np.testing.assert_array_equal(known, [True, True, False, False])
    np.testing.assert_allclose(reports["guess_confidence"], guessed.max(-1), rtol=1e-6)


def test_with_a_weight_of_0_it_is_supervised():
    stepping.assert_learns_as_supervised("pi_model", lambda_u=0.0)
