from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import models
from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import vat
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import adversarial_perturbation, kl_divergence
from mixdmt_tf.models.layers.normalization import frozen_statistics
from tests.algorithms.classification import batches, stepping
from tests.oracles import consistency_steps


def linear(**settings):
    """A network whose adversarial direction is known."""
    images = keras.Input(batches.SHAPE)
    logits = keras.layers.Dense(batches.CLASSES)(keras.layers.Flatten()(images))
    network = keras.Model(images, logits)
    rng = np.random.default_rng(1)
    network.set_weights([rng.normal(0, 0.3, w.shape) for w in network.get_weights()])
    task = base.RunFacts(batches.CLASSES, 8, 100)
    return vat.VAT(network, vat.Config(**settings), task)


@pytest.mark.parametrize("divergence", ["paper", "released"])
@pytest.mark.parametrize("xi", [0.05, 0.5, 3.0])
def test_losses_follow_the_paper(xi, divergence):
    method = linear(xi=xi, epsilon=2.0, divergence=divergence)
    batch = stepping.batch_for(method)
    terms, _ = method.step_losses(batch)
    loss_x, loss_u, loss_entropy = consistency_steps.vat(
        *method.network.get_weights(),
        stepping.as_numpy(batch),
        batches.CLASSES,
        xi,
        2.0,
        released=divergence == "released",
    )
    assert stepping.value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
    assert stepping.value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-3)
    assert stepping.value(terms["loss_entropy"]) == pytest.approx(
        loss_entropy, rel=1e-4
    )


def test_it_asks_for_one_view_and_noise():
    method = batches.build("vat")
    assert method.recipe(method.config) == Recipe(1, noise=True)


def test_the_perturbation_is_worse_than_noise_of_its_length():
    """Otherwise it would not be adversarial."""
    method = linear(epsilon=1.0)
    batch = stepping.batch_for(method)
    u, noise = batch["u"][:, 0], batch["u_noise"]
    adversarial = method.step_losses(batch)[0]["loss_u"].values
    length = tf.norm(tf.reshape(noise, [6, -1]), axis=-1)[:, None, None, None]
    random = kl_divergence(method.network(u), method.network(u + noise / length))
    assert (adversarial > 3 * random).numpy().all()


def test_weights_grow_for_the_divergence_and_not_for_the_entropy():
    method = linear()
    for step, expected in ((0, 0.0), (20, 0.15), (40, 0.3), (99, 0.3)):
        terms, _ = method.step_losses(stepping.batch_for(method, 2, step))
        assert float(terms["loss_u"].weight) == pytest.approx(expected)
        assert terms["loss_entropy"].weight == 0.06


@pytest.mark.parametrize("divergence", ["paper", "released"])
def test_no_gradient_through_the_perturbation_or_the_clean_prediction(
    monkeypatch, divergence
):
    """The gradient of the divergence is that with both held constant."""
    method = stepping.trained_a_little("vat", divergence=divergence)
    batch = stepping.batch_for(method)
    u = batch["u"][:, 0]
    found = []

    def remember(*arguments):
        found.append(adversarial_perturbation(*arguments))
        return found[-1]

    monkeypatch.setattr(vat, "adversarial_perturbation", remember)
    free = stepping.gradient(method, batch)
    clean, (r_adv,) = tf.constant(method.network(u).numpy()), found
    assert np.abs(r_adv).max() > 0
    with tf.GradientTape() as tape:
        pair = clean, method.network(u + tf.constant(r_adv.numpy()))
        pair = pair if divergence == "paper" else pair[::-1]
        loss = tf.reduce_mean(kl_divergence(*pair))
    expected = tape.gradient(loss, method.network.trainable_variables)
    for got, wanted in zip(free, expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-7)


def test_with_weights_of_0_it_is_supervised():
    """Batch normalization's statistics included: no adversarial pass moves them."""
    stepping.assert_learns_as_supervised("vat", lambda_u=0.0, lambda_entropy=0.0)


def exact_direction(network, images, noise):
    """J^T F J d, F being the Fisher information of the softmax, by forward mode."""
    with tf.GradientTape() as tape, frozen_statistics(network):
        tape.watch(images)
        with tf.autodiff.ForwardAccumulator(images, noise) as forward:
            logits = network(images, training=True)
        change = forward.jvp(logits)
        p = tf.nn.softmax(logits)
        mean = tf.reduce_sum(p * change, -1, keepdims=True)
        total = tf.reduce_sum(logits * tf.stop_gradient(p * (change - mean)))
    return tape.gradient(total, images)


def cosines(one, other):
    one, other = (np.reshape(each, [len(each), -1]) for each in (one, other))
    product = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(1) / np.maximum(product, 1e-30)


@pytest.mark.parametrize(
    ("precision", "least"),
    [("float32", 0.85), ("mixed_bfloat16", 0.8), ("mixed_float16", 0.85)],
)
def test_the_default_step_finds_the_direction_in_every_precision(precision, least):
    """The released one finds it in none."""
    wide_resnet = models.network("wide_resnet")
    config, shape = wide_resnet(depth=10, width=1), (32, 32, 3)
    reference = config.build(shape, 10)
    keras.mixed_precision.set_global_policy(precision)
    network = config.build(shape, 10)
    network.set_weights(reference.get_weights())
    rng = np.random.default_rng(0)
    images, noise = tf.constant(rng.normal(0, 0.5, (2, 8, *shape)), tf.float32)
    exact = exact_direction(reference, images, noise)

    def found(xi):
        method = vat.VAT(network, vat.Config(xi=xi), base.RunFacts(10, 8, 100))
        clean = tf.stop_gradient(method.predict(images))
        r = adversarial_perturbation(
            lambda r: kl_divergence(clean, method.predict(images + r)), noise, xi, 6.0
        )
        return cosines(r.numpy(), exact.numpy()).mean()

    assert found(vat.Config().xi) > least
    assert found(1e-6) < 0.5
