from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.classification import mean_teacher
from mixdmt_tf.data.classification.recipe import Recipe
from tests.algorithms.classification import batches, stepping
from tests.oracles import consistency_steps


def test_losses_follow_the_paper():
    """The teacher, who has other weights, sees the first view."""
    method = stepping.trained_a_little("mean_teacher")
    batch = stepping.batch_for(method)
    terms, reports = method.step_losses(batch)
    teach = stepping.forward(method.teacher)
    loss_x, loss_u = consistency_steps.mean_teacher(
        stepping.forward(method.network),
        teach,
        stepping.as_numpy(batch),
        batches.CLASSES,
    )
    assert stepping.value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
    assert stepping.value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)
    sure = [max(p) for p in consistency_steps.predict(teach, batch["u"][:, 0].numpy())]
    np.testing.assert_allclose(reports["guess_confidence"], sure, rtol=1e-4)


def test_it_asks_for_two_views():
    method = batches.build("mean_teacher")
    assert method.recipe(method.config) == Recipe(2)


def test_teacher_and_student_disagree_from_the_first_step():
    """They start alike, but see different views."""
    method = stepping.normalized("mean_teacher")
    loss = stepping.value(method.step_losses(stepping.batch_for(method))[0]["loss_u"])
    assert loss > 1e-5


def test_the_teacher_is_the_average():
    """After steps of a known decay, the loss is that of the averaged weights."""
    method = batches.build("mean_teacher", ema_decay=0.5, weight_decay=0.0)
    old = method.network.get_weights()
    method.train_step(stepping.batch_for(method))
    for before, after, taught in zip(
        old, method.network.get_weights(), method.teacher.get_weights()
    ):
        np.testing.assert_allclose(taught, (before + after) / 2, rtol=1e-4, atol=1e-7)


def test_the_teacher_gets_no_gradient():
    method = stepping.trained_a_little("mean_teacher")
    held = [compat.tf_variable(weight) for weight in method.teacher.weights]
    with tf.GradientTape() as tape:
        for variable in held:
            tape.watch(variable)
        terms, _ = method.step_losses(stepping.batch_for(method))
        loss = tf.reduce_mean(terms["loss_u"].values)
    assert all(gradient is None for gradient in tape.gradient(loss, held))


def test_neither_network_moves_its_statistics_on_unlabelled_images():
    """The teacher's stay as they were; those of the network follow x alone."""
    method = stepping.normalized("mean_teacher")
    alone = stepping.normalized("supervised")
    alone.network.set_weights(method.network.get_weights())
    before = method.teacher.get_weights()
    batch = stepping.batch_for(method)
    method.step_losses(batch)
    alone.step_losses(batch)
    for got, expected in zip(method.teacher.get_weights(), before):
        np.testing.assert_array_equal(got, expected)
    for got, expected in zip(method.network.get_weights(), alone.network.get_weights()):
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_the_teacher_normalizes_by_its_batch():
    """Not by running statistics, which a teacher never gathers."""
    method = stepping.normalized("mean_teacher")
    images = stepping.batch_for(method)["u"][:, 0]
    with_batch = method.guess(images, method.teacher)
    network = tf.nn.softmax(method.predict(images))
    np.testing.assert_allclose(with_batch, network, rtol=1e-4, atol=1e-6)
    with_running = tf.nn.softmax(method.teacher(images, training=False))
    assert np.abs(with_batch - with_running).max() > 1e-3


def test_the_weight_decay_is_that_of_the_release():
    config = mean_teacher.Config()
    assert (config.weight_decay, config.lambda_u) == (0.2, 50.0)


def test_with_a_weight_of_0_it_is_supervised():
    stepping.assert_learns_as_supervised("mean_teacher", lambda_u=0.0)
