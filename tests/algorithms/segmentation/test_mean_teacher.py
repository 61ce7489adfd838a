from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.segmentation import cutmix, mean_teacher
from mixdmt_tf.data.segmentation.recipe import Recipe
from tests.algorithms.segmentation import batches, stepping
from tests.oracles import segmentation_steps

SIZE = (5, 4)


@pytest.mark.parametrize("step", [0, 6, 15, 40])
def test_a_step_follows_the_paper(step):
    """The weight grows over 15 of 100 steps."""
    method = batches.plain("mean_teacher", lambda_u=3.0)
    batch = batches.batch_for(method, step=step, size=SIZE)
    given = stepping.as_numpy(batch)
    assert 0 < (given["u_confidence"] == 0).mean() < 0.6
    teach = stepping.pixelwise(method.teacher.get_weights())
    expected = stepping.assert_steps_as(
        method,
        batch,
        lambda network: segmentation_steps.mean_teacher(network, teach, given, 3, 15),
    )
    assert expected["loss_u"] > 0.05


def test_logits_instead_of_probabilities():
    """Of the weights as they are: the squared distance, a mean over classes."""
    method = batches.plain("mean_teacher", consistency="logits")
    batch = batches.batch_for(method, size=SIZE)
    terms, _ = method.step_losses(batch)
    p, q = (
        stepping.pixelwise(n.get_weights()) for n in (method.network, method.teacher)
    )
    u = batch["u"].numpy()
    expected = np.mean((p(u) - q(u)) ** 2, -1)
    np.testing.assert_allclose(terms["loss_u"].values, expected, rtol=1e-4)


def test_noise_differs_between_network_and_teacher_and_images():
    method = batches.plain("mean_teacher", input_noise=0.15)
    assert method.recipe(method.config).keys
    batch = batches.batch_for(method, size=(40, 30))
    seen = [method.noisy(batch, of) - batch["u"] for of in ("network", "teacher")]
    noise = np.concatenate(seen)
    assert noise.std() == pytest.approx(0.15, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.002)
    flat = noise.reshape(len(noise), -1)
    correlation = np.corrcoef(flat) - np.eye(len(noise))
    assert len(noise) == 8 and np.abs(correlation).max() < 0.1
    again = method.noisy(batch, "network") - batch["u"]
    np.testing.assert_array_equal(again, seen[0])


def test_noise_reaches_network_and_teacher():
    method = batches.plain("mean_teacher", input_noise=0.5)
    batch = batches.batch_for(method, size=SIZE)
    p, q = (
        tf.nn.softmax(network(method.noisy(batch, of)))
        for network, of in ((method.network, "network"), (method.teacher, "teacher"))
    )
    terms, _ = method.step_losses(batch)
    expected = tf.reduce_mean(tf.square(p - q), -1)
    np.testing.assert_allclose(terms["loss_u"].values, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["mean_teacher", "cutmix"])
def test_images_may_pass_apart(name):
    """The first pass is that of labelled images alone."""
    method = batches.build(name, one_pass=False)
    batch = batches.batch_for(method)
    alone = keras.models.clone_model(method.network)
    alone.set_weights(method.network.get_weights())
    logits, others = method.predict(batch["x"], batch["u"])
    np.testing.assert_allclose(logits, alone(batch["x"], training=True), rtol=1e-4)
    np.testing.assert_allclose(others, alone(batch["u"], training=True), rtol=1e-4)
    for got, expected in zip(method.network.get_weights(), alone.get_weights()):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    together = batches.build(name, one_pass=True)
    together.network.set_weights(alone.get_weights())
    mixed, _ = together.predict(batch["x"], batch["u"])
    assert np.abs(mixed - logits).max() > 1e-2


def test_without_a_ramp_the_weight_is_the_same_from_the_first_step_on():
    method = batches.plain("mean_teacher", lambda_u=3.0, lambda_u_ramp=0.0)
    terms, reports = method.step_losses(batches.batch_for(method, step=0))
    assert float(terms["loss_u"].weight) == float(reports["lambda_u"]) == 3


def test_the_teacher_is_the_average():
    method = batches.plain("mean_teacher", ema_decay=0.75)
    old, weights = method.teacher.get_weights(), method.network.get_weights()
    method.train_step(batches.batch_for(method))
    for before, first, after, taught in zip(
        old, weights, method.network.get_weights(), method.teacher.get_weights()
    ):
        assert np.abs(after - first).max() > 1e-3
        expected = 0.75 * before + 0.25 * after
        np.testing.assert_allclose(taught, expected, rtol=1e-5, atol=1e-6)


def test_the_teacher_normalizes_by_its_batch():
    """That of unlabelled images, and its running statistics are not moved."""
    method = batches.build("mean_teacher")
    batch = batches.batch_for(method)
    before = method.teacher.get_weights()
    taught = tf.nn.softmax(method.taught(batch["u"]))
    for got, expected in zip(method.teacher.get_weights(), before):
        np.testing.assert_array_equal(got, expected)
    logits = method.network(batch["u"], training=True)
    np.testing.assert_allclose(taught, tf.nn.softmax(logits), rtol=1e-4, atol=1e-6)
    running = tf.nn.softmax(method.teacher(batch["u"], training=False))
    assert np.abs(taught - running).max() > 1e-2


def test_one_pass_through_batch_normalization():
    method = batches.build("mean_teacher", one_pass=True)
    batch = batches.batch_for(method)
    images = tf.concat([batch["x"], batch["u"]], 0)
    stepping.assert_one_pass_over(method, batch, images)


def test_the_loss_without_labels_falls():
    """Towards what the teacher says, which does not move."""
    method = batches.plain("mean_teacher", ema_decay=1.0)
    method.compile(keras.optimizers.SGD(10.0))
    batch = batches.ignoring(batches.batch_for(method), "y")
    losses = [stepping.step_of(method, batch)[0]["loss_u"] for _ in range(5)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.5 * losses[0]


def test_settings_of_the_release():
    config = mean_teacher.Config()
    found = [config.for_run(steps).one_pass for steps in (600, 19999, 23000)]
    assert found == [False, False, True]
    assert cutmix.Config().for_run(40000).one_pass is False
    assert (config.ema_decay, config.lambda_u) == (0.99, 1)
    assert (config.lambda_u_ramp, config.learning_rate) == (0.15, 0.00025)
    assert config.epochs == 20
    assert mean_teacher.MeanTeacher.recipe(config) == Recipe(1)
