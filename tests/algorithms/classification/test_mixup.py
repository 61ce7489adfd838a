from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.algorithms.classification import batches, stepping
from tests.oracles import consistency_steps


def test_losses_follow_the_paper():
    method = stepping.trained_a_little("mixup")
    batch = stepping.batch_for(method)
    terms, _ = method.step_losses(batch)
    loss_x, loss_u = consistency_steps.mixup(
        stepping.forward(method.network), stepping.as_numpy(batch), batches.CLASSES
    )
    assert stepping.value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
    assert stepping.value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)


def test_labelled_and_unlabelled_images_do_not_mix():
    method = stepping.trained_a_little("mixup")
    batch = stepping.batch_for(method)
    before = method.step_losses(batch)[0]
    moved_u = method.step_losses({**batch, "u": -batch["u"]})[0]
    moved_x = method.step_losses({**batch, "x": -batch["x"]})[0]
    np.testing.assert_array_equal(moved_u["loss_x"].values, before["loss_x"].values)
    np.testing.assert_array_equal(moved_x["loss_u"].values, before["loss_u"].values)


def test_no_gradient_flows_through_the_guesses():
    method = stepping.trained_a_little("mixup")
    batch = stepping.batch_for(method)
    free = stepping.gradient(method, batch)
    constant = method.guess(batch["u"][:, 0])
    method.guess = lambda images: constant
    for got, expected in zip(free, stepping.gradient(method, batch)):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("step", [0, 99])
def test_the_published_weight_does_not_grow(step):
    method = batches.build("mixup", lambda_u=0.5, warmup=0.0)
    terms, _ = method.step_losses(stepping.batch_for(method, step=step))
    assert float(terms["loss_u"].weight) == 0.5


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_in_a_short_run_it_grows_to_the_end(share):
    method = batches.build("mixup", lambda_u=0.5)
    step = round(share * method.facts.steps)
    terms, _ = method.step_losses(stepping.batch_for(method, step=step))
    assert float(terms["loss_u"].weight) == pytest.approx(0.5 * share)


def test_with_a_weight_of_0_and_no_mixing_it_is_supervised():
    lam = {"lam": tf.ones(12)}
    stepping.assert_learns_as_supervised("mixup", lam, lambda_u=0.0)


def test_with_a_weight_of_0_alone_it_is_not():
    """Labelled images are still mixed."""
    with pytest.raises(AssertionError):
        stepping.assert_learns_as_supervised("mixup", lambda_u=0.0)
