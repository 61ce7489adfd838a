from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.algorithms.classification import batches, stepping
from tests.oracles import consistency_steps


def test_losses_follow_the_paper():
    method = stepping.trained_a_little("ict")
    batch = stepping.batch_for(method)
    terms, _ = method.step_losses(batch)
    loss_x, loss_u = consistency_steps.ict(
        stepping.forward(method.network),
        stepping.forward(method.teacher),
        stepping.as_numpy(batch),
        batches.CLASSES,
    )
    assert stepping.value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
    assert stepping.value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)


def test_the_draws_for_the_labelled_block_are_not_used():
    method = stepping.trained_a_little("ict")
    batch = stepping.batch_for(method)
    loss = stepping.value(method.step_losses(batch)[0]["loss_u"])
    other = tf.concat([1 - batch["lam"][:6] / 2, batch["lam"][6:]], 0)
    images = {"x": -batch["x"], "lam": other}
    assert stepping.value(method.step_losses({**batch, **images})[0]["loss_u"]) == loss


def test_without_mixing_it_compares_student_and_teacher():
    method = stepping.trained_a_little("ict")
    batch = stepping.batch_for(method)
    batch["lam"] = tf.ones_like(batch["lam"])
    u = batch["u"][:, 0]
    q, p = (tf.nn.softmax(n(u)) for n in (method.teacher, method.network))
    values = method.step_losses(batch)[0]["loss_u"].values
    np.testing.assert_allclose(values, np.mean((q - p) ** 2, -1), rtol=1e-4)


def test_equal_images_cost_nothing_at_the_start():
    """Teacher and student are alike then, and mixing changes nothing."""
    method = batches.build("ict")
    batch = stepping.batch_for(method)
    batch["u"] = tf.repeat(batch["u"][:1], 6, axis=0)
    values = method.step_losses(batch)[0]["loss_u"].values
    np.testing.assert_allclose(values, 0, atol=1e-10)


def test_no_gradient_flows_through_the_guesses():
    method = stepping.trained_a_little("ict")
    batch = stepping.batch_for(method)
    free = stepping.gradient(method, batch)
    constant = method.guess(batch["u"][:, 0], method.teacher)
    method.guess = lambda images, network: constant
    for got, expected in zip(free, stepping.gradient(method, batch)):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-8)
    assert max(np.abs(gradient).max() for gradient in free) > 1e-6


def test_with_a_weight_of_0_it_is_supervised():
    stepping.assert_learns_as_supervised("ict", lambda_u=0.0)
