from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import self_training
from tests.algorithms.classification import batches, rounds, stepping
from tests.oracles import dmt_step

THRESHOLD = 0.6


@pytest.mark.parametrize("lambda_u", [1.0, 0.3])
def test_the_loss_is_one_mean_over_labelled_and_sure_rows(lambda_u):
    method = rounds.linear(
        "self_training", confidence_threshold=THRESHOLD, lambda_u=lambda_u
    )
    batch = stepping.batch_for(method)
    expected = dmt_step.online_self_training(
        stepping.forward(method.network),
        stepping.as_numpy(batch),
        batches.CLASSES,
        THRESHOLD,
        lambda_u,
    )
    logs, _ = rounds.step_of(method, batch)
    assert 0 < float(logs["kept"]) < 1
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-4)
    assert float(logs["loss_xu"]) == pytest.approx(expected, rel=1e-4)


def test_sure_guesses_are_labels_like_any_other():
    """The gradient is that of supervised training on labelled and sure rows."""
    method = rounds.linear("self_training", confidence_threshold=THRESHOLD)
    supervised = rounds.linear("supervised", weight_decay=0.0)
    batch = stepping.batch_for(method)
    p = rounds.predicted(method, batch)
    sure = p.max(-1) > THRESHOLD
    assert 0 < sure.sum() < len(sure)
    together = {
        "step": batch["step"],
        "x": tf.concat([batch["x"], batch["u"][:, 0][sure]], 0),
        "y": tf.concat([batch["y"], p.argmax(-1)[sure]], 0),
    }
    logs, taken = rounds.step_of(method, batch)
    plain, expected = rounds.step_of(supervised, together)
    np.testing.assert_allclose(logs["loss"], plain["loss"], rtol=1e-5)
    for got, wanted in zip(taken, expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("settings", [{"lambda_u": 0.0}, {"confidence_threshold": 1.0}])
def test_with_a_weight_of_0_or_nothing_sure_it_is_supervised(settings):
    method = rounds.linear("self_training", **{"confidence_threshold": 0.0, **settings})
    supervised = rounds.linear("supervised", weight_decay=0.0)
    batch = stepping.batch_for(method)
    logs, taken = rounds.step_of(method, batch)
    plain, expected = rounds.step_of(supervised, batch)
    assert float(logs["kept"]) == ("lambda_u" in settings)
    np.testing.assert_allclose(logs["loss"], plain["loss"], rtol=1e-6)
    for got, wanted in zip(taken, expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-7)


def test_a_prediction_at_the_threshold_is_not_sure():
    """Of two classes with probabilities of exactly one half."""
    network = keras.Sequential([keras.Input((1, 1, 2)), keras.layers.Flatten()])
    config = self_training.Config(confidence_threshold=0.5, unlabeled_ratio=2)
    method = self_training.SelfTraining(network, config, base.RunFacts(2, 1, 100))
    u = np.array([[0, 0], [0, 0.01]], np.float32)
    batch = {
        "x": tf.zeros([1, 1, 1, 2]),
        "y": tf.constant([0]),
        "u": tf.reshape(u, [2, 1, 1, 1, 2]),
        "u_truth": tf.constant([0, -1]),
    }
    terms, reports = method.step_losses(batch)
    np.testing.assert_array_equal(reports["kept"], [0, 1])
    np.testing.assert_array_equal(terms["loss_xu"].mask, [1, 0, 1])
    np.testing.assert_array_equal(reports["guess_accuracy"][1], [True, False])


def test_one_pass_over_labelled_and_unlabelled_images():
    """Batch normalization sees them together, once."""
    method = stepping.normalized("self_training", unlabeled_ratio=2)
    batch = stepping.batch_for(method)
    alone = keras.models.clone_model(method.network)
    alone.set_weights(method.network.get_weights())
    alone(np.concatenate([batch["x"], batch["u"][:, 0]]), training=True)
    method.step_losses(batch)
    for got, expected, weight in zip(
        method.network.get_weights(), alone.get_weights(), alone.weights
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
        assert "moving_mean" not in weight.name or np.abs(expected).max() > 1e-4


def test_it_asks_for_images_augmented_as_dmt_does():
    recipe = self_training.SelfTraining.recipe(self_training.Config())
    assert (recipe.augment, recipe.fill) == ("randaugment_dmt", 128)
    assert (recipe.unlabeled_views, recipe.unlabeled_ratio) == (1, 7)
    assert not recipe.pseudo and not recipe.mixup_groups
    assert self_training.SelfTraining.loop == "single"
