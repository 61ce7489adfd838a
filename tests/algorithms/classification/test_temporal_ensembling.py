from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import temporal_ensembling
from mixdmt_tf.data.classification.recipe import Recipe
from tests.algorithms.classification import batches, stepping
from tests.oracles.consistency_step import softmax
from tests.oracles.temporal_ensembling import Ensemble

ROWS = 16  # a quarter of all unlabelled images
STEPS = batches.UNLABELED // ROWS


def test_three_epochs_of_training_follow_the_paper():
    """The memory is updated at once here, and at the end of each epoch there."""
    method = stepping.trained_a_little("temporal_ensembling", warmup=0.0)
    method.compile(keras.optimizers.SGD(0.1))
    oracle = Ensemble(batches.UNLABELED, batches.CLASSES, 0.6)
    rng = np.random.default_rng(5)
    step = 0
    for epoch in range(3):
        order = rng.permutation(batches.UNLABELED)
        for part in np.split(order, STEPS):
            batch = stepping.batch_for(method, ROWS, step, seed=step)
            batch["u_index"] = tf.constant(part, tf.int64)
            logits = stepping.forward(method.network)(batch["u"][:, 0])
            expected = []
            for place, row in zip(part, logits):
                z = np.array(softmax(row))
                target = oracle.predict(int(place), z)
                expected.append(epoch and np.mean((target - z) ** 2))
            logs = method.train_step(batch)
            assert float(logs["loss_u"]) == pytest.approx(
                np.mean(expected), rel=1e-4, abs=1e-8
            )
            method.means["loss_u"].reset_state()
            step += 1
    assert np.mean(expected) > 1e-6
    np.testing.assert_allclose(method.ensemble, oracle.accumulated, rtol=1e-4)
    np.testing.assert_array_equal(method.shown, 3)


def test_reports_count_images_with_a_target_only():
    """Before its first pass an image has none; that is no guess of the first class."""
    method = stepping.trained_a_little("temporal_ensembling")
    batch = stepping.batch_for(method, ROWS)
    batch["u_truth"] = tf.constant([0, 1, 2, 3] * (ROWS // 4), tf.int32)
    batch["u_index"] = tf.range(ROWS, dtype=tf.int64)
    shown = np.arange(ROWS) % 8 == 1  # images of class 1
    method.shown.assign(np.resize(shown, batches.UNLABELED).astype(np.int32))
    method.ensemble.assign([[0.1, 0.3, 0.0, 0.0]] * batches.UNLABELED)
    reports = method.step_losses(batch)[1]
    for name in ("guess_accuracy", "guess_confidence"):
        values, counted = reports[name]
        np.testing.assert_array_equal(counted, shown)
        assert (values.numpy()[shown] > 0.7).all()  # 0.3 corrected for the start


def test_an_image_that_comes_twice_counts_once_with_the_mean():
    method = stepping.trained_a_little("temporal_ensembling")
    z = tf.constant([[0.9, 0.1, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 1.0]])
    method._remember(z, tf.constant([7, 7, 2], tf.int64))
    np.testing.assert_allclose(method.ensemble[7], [0.28, 0.12, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(method.ensemble[2], [0, 0, 0, 0.4], rtol=1e-5)
    assert np.flatnonzero(method.shown).tolist() == [2, 7]
    assert method.shown[7] == 1 and not np.any(method.ensemble[3])


def test_weight_zero_is_supervised_training():
    stepping.assert_learns_as_supervised("temporal_ensembling", lambda_u=0.0)


def test_no_gradient_flows_through_the_target():
    method = stepping.trained_a_little("temporal_ensembling")
    batch = stepping.batch_for(method)
    method.train_step(batch)
    places = batch["u_index"].numpy()
    target = method.ensemble.numpy()[places] / 0.4
    found = stepping.gradient(method, batch)
    with tf.GradientTape() as tape:
        z = tf.nn.softmax(method.network(batch["u"][:, 0], training=True))
        loss = tf.reduce_mean((z - target) ** 2)
    expected = tape.gradient(loss, method.network.trainable_variables)
    for got, wanted in zip(found, expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-6)


def test_the_weight_grows_as_in_the_paper():
    """80 of 300 epochs, here 27 of 100 steps."""
    method = stepping.trained_a_little("temporal_ensembling")
    for step, t in ((0, 0), (9, 1 / 3), (27, 1), (90, 1)):
        weight = float(method.lambda_u(tf.constant(step, tf.int64)))
        assert weight == pytest.approx(30 * np.exp(-5 * (1 - t) ** 2), rel=1e-4)


def test_it_must_know_the_number_of_images():
    network = batches.build("supervised").network
    config = temporal_ensembling.Config()
    with pytest.raises(ValueError, match="unlabeled=N"):
        temporal_ensembling.TemporalEnsembling(
            network, config, base.RunFacts(batches.CLASSES, 8, 100)
        )


def test_published_settings():
    config = temporal_ensembling.Config()
    assert (config.ensemble_decay, config.lambda_u) == (0.6, 30)
    recipe = temporal_ensembling.TemporalEnsembling.recipe(config)
    assert recipe == Recipe(unlabeled_views=1, indices=True)
