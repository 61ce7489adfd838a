from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.classification import remixmatch
from mixdmt_tf.data.classification.recipe import Recipe
from tests.algorithms.classification import batches, stepping
from tests.oracles import remixmatch_step

NAMES = ("loss_x", "loss_u", "loss_s", "loss_r")


def made(**settings):
    method = stepping.trained_a_little("remixmatch", lambda_u_ramp=40, **settings)
    rng = np.random.default_rng(2)
    for weight in method.rotation.trainable_variables:
        weight.assign(rng.normal(0, 1, weight.shape))
    return method


def rotate(method):
    """Logits of rotations, of a list of images."""

    def predict(images):
        features, _ = method.with_features(tf.constant(np.array(images)))
        return method.rotation(features).numpy()

    return predict


@pytest.mark.parametrize("views", [1, 3])
def test_three_steps_follow_the_paper(views):
    """The distributions of the alignment move from one to the next."""
    method = made(strong_views=views)
    classes = batches.CLASSES
    predicted = [np.full(classes, 1 / classes)] * 128
    labeled = list(predicted)
    for seed in range(3):
        batch = stepping.batch_for(method, seed=seed, step=10)
        given = stepping.as_numpy(batch)
        means = np.mean(labeled[-128:], 0), np.mean(predicted[-128:], 0)
        *expected, p = remixmatch_step.losses(
            stepping.forward(method.network), rotate(method), given, classes, means
        )
        terms, _ = method.step_losses(batch)
        for name, value in zip(NAMES, expected):
            assert stepping.value(terms[name]) == pytest.approx(value, rel=1e-4), name
        predicted.append(p.mean(0))
        labeled.append(np.eye(classes)[given["y"]].mean(0))
    np.testing.assert_allclose(method.predicted[-3:], predicted[-3:], rtol=1e-4)
    weights = [float(terms[name].weight) for name in NAMES]
    np.testing.assert_allclose(weights, [1, 1.5 / 4, 0.5 / 4, 0.5], rtol=1e-5)


def test_the_new_layer_has_the_learning_rate_of_new_layers():
    """Not the one of an encoder with published weights."""
    method = made()
    rates = dataclasses.replace(method.facts, encoder_rate=0.1).rates
    assert rates.of_all(method.rotation.trainable_variables) == [1.0, 1.0]
    assert rates.of(method.network.trainable_variables[0]) == 0.1


def test_alignment_raises_what_is_predicted_too_seldom():
    method = made(temperature=1.0)
    batch = stepping.batch_for(method)
    plain = made(temperature=1.0, alignment=False)
    plain.network.set_weights(method.network.get_weights())
    method.predicted.assign([[0.7, 0.1, 0.1, 0.1]] * remixmatch.BATCHES)
    p = tf.constant([[0.4, 0.2, 0.2, 0.2]])
    y = tf.one_hot(batch["y"], batches.CLASSES)
    np.testing.assert_array_equal(plain._aligned(p, y), p)
    aligned = method._aligned(p, y).numpy()[0]
    assert aligned[0] < 0.1 and aligned[1:].min() > 0.3
    np.testing.assert_allclose(aligned.sum(), 1, rtol=1e-6)


def test_rows_are_rotated_by_quarters_in_turn():
    method = made()
    seen = []
    method.with_features = lambda images, training: (
        seen.append(images)
        or (
            tf.zeros((len(images), 8)),
            None,
        )
    )
    images = np.random.default_rng(0).normal(size=(6, 8, 8, 1)).astype(np.float32)
    rotations, _ = method._rotated(tf.constant(images))
    np.testing.assert_array_equal(np.argmax(rotations, -1), [0, 1, 2, 3, 0, 1])
    for i, image in enumerate(images):
        expected = remixmatch_step.turned(image, i % 4)
        np.testing.assert_array_equal(seen[0][i], expected)


def test_no_gradient_reaches_the_guess():
    method = made()
    batch = stepping.batch_for(method)
    batch["lam"] = tf.ones_like(batch["lam"])
    weak = batch["u_original"]
    with tf.GradientTape() as tape:
        tape.watch(weak)
        loss = tf.reduce_mean(method.step_losses(batch)[0]["loss_s"].values)
    assert tape.gradient(loss, weak) is None


def test_the_layer_for_rotations_learns_and_decays():
    method = batches.build("remixmatch", weight_decay=0.02)
    kernel = method.rotation.kernel
    assert not np.any(kernel)
    for seed in range(2):
        method.train_step(batches.make(method.recipe(method.config), 4, seed=seed))
    assert np.abs(kernel).max() > 1e-4
    own = [compat.tf_variable(each) for each in method.own_variables]
    assert any(each is compat.tf_variable(kernel) for each in own)
    rate = method.config.learning_rate
    before = kernel.numpy()
    method.compile(keras.optimizers.SGD(0.0))
    method.train_step(batches.make(method.recipe(method.config), 4))
    np.testing.assert_allclose(kernel, before * (1 - 0.02 * rate), rtol=1e-6)


def test_published_settings():
    config = remixmatch.Config().for_run(2**20)
    weights = config.lambda_u, config.lambda_s, config.lambda_r, config.lambda_u_ramp
    assert weights == (1.5, 0.5, 0.5, 16384)
    assert (config.optimizer, config.learning_rate) == ("adam", 0.002)
    assert (config.weight_decay, config.ema_decay) == (0.02, 0.999)
    assert remixmatch.ReMixMatch.recipe(config) == Recipe(
        unlabeled_views=8,
        original_views=1,
        mixup_groups=(10,),
        mixup_beta=0.75,
        augment="randaugment_fixmatch",
        weak_originals=True,
    )
