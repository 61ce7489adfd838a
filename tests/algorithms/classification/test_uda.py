from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import uda
from mixdmt_tf.data.classification.recipe import Recipe
from tests.algorithms.classification import batches
from tests.oracles import consistency_step

ROWS = 5
FAMILY = ["uda", "fixmatch", "freematch", "softmatch"]


def as_numpy(batch):
    return {name: value.numpy() for name, value in batch.items()}


def trained_a_little(name="uda", **settings):
    """An algorithm that is sure of some images and not of others."""
    method = batches.build(name, **{"unlabeled_ratio": 3, **settings})
    rng = np.random.default_rng(1)
    method.network.set_weights(
        [rng.normal(0, 1.0, w.shape) for w in method.network.get_weights()]
    )
    return method


def batch_for(method, rows=ROWS, step=40, **arguments):
    return batches.make(method.recipe(method.config), rows, step, **arguments)


def value(term):
    return float(base.mean_over_replicas(term))


def forward(method):
    return lambda images: method.network(tf.constant(images, tf.float32)).numpy()


@pytest.mark.parametrize("temperature", [0.4, 1.0])
@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.8])
def test_losses_follow_the_paper(temperature, threshold):
    method = trained_a_little(temperature=temperature, confidence_threshold=threshold)
    batch = batch_for(method)
    terms, reports = method.step_losses(batch)
    loss_x, loss_u, _, kept = consistency_step.uda(
        forward(method), as_numpy(batch), temperature, threshold
    )
    assert value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
    assert value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)
    np.testing.assert_array_equal(reports["kept"], kept)
    # Otherwise nothing would tell the mean over all rows from that over the kept.
    assert (0 < kept.mean() < 1) == (threshold > 0)


@pytest.mark.parametrize("schedule", ["linear", "log", "exp"])
@pytest.mark.parametrize("step", [0, 20, 40])
def test_training_signal_annealing(schedule, step):
    method = trained_a_little(tsa=schedule)
    batch = batch_for(method, rows=16, step=step)
    terms, reports = method.step_losses(batch)
    r = step / 100
    alpha = {"linear": r, "log": 1 - np.exp(-5 * r), "exp": np.exp(5 * (r - 1))}
    eta = alpha[schedule] * (1 - 1 / batches.CLASSES) + 1 / batches.CLASSES
    loss_x, _, kept, _ = consistency_step.uda(
        forward(method), as_numpy(batch), 0.4, 0.8, eta
    )
    np.testing.assert_allclose(reports["tsa_threshold"], eta, rtol=1e-6)
    np.testing.assert_array_equal(reports["tsa_kept"], kept)
    assert 0 < kept.mean() < 1
    assert value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)


def test_no_annealing_unless_asked_for():
    method = trained_a_little()
    reports = method.step_losses(batch_for(method, step=0))[1]
    np.testing.assert_array_equal(reports["tsa_kept"], np.ones(ROWS))
    assert float(reports["tsa_threshold"]) == 1


def test_reports_judge_only_what_counts_and_has_a_class():
    method = trained_a_little(confidence_threshold=0.6)
    batch = batch_for(method)
    truth = np.array([-2, -1] + [t % batches.CLASSES for t in range(13)], np.int32)
    batch["u_truth"] = tf.constant(truth)
    reports = method.step_losses(batch)[1]
    logits = method.network(batch["u_original"][:, 0]).numpy()
    p = np.array([consistency_step.softmax(row) for row in logits])
    hits, judged = reports["guess_accuracy"]
    counts = (p.max(-1) > 0.6) & (truth >= 0)
    np.testing.assert_array_equal(judged, counts)
    np.testing.assert_array_equal(hits.numpy()[counts], (p.argmax(-1) == truth)[counts])
    np.testing.assert_allclose(reports["confidence"], p.max(-1), rtol=1e-4)
    metrics = method.train_step(batch)
    accuracy = (p.argmax(-1) == truth)[counts].mean()
    assert float(metrics["guess_accuracy"]) == pytest.approx(accuracy, abs=1e-5)


def test_nothing_judged_is_no_accident():
    method = trained_a_little(confidence_threshold=1.0)
    metrics = method.train_step(batch_for(method))
    assert metrics["kept"] == metrics["guess_accuracy"] == metrics["loss_u"] == 0


@pytest.mark.parametrize("name", FAMILY)
def test_no_gradient_flows_through_the_original(name):
    """The gradient of L_u does not depend on how the targets came about."""
    method = trained_a_little(name)
    batch = batch_for(method)
    images = batch["u_original"]
    with tf.GradientTape() as tape:
        tape.watch([images, batch["u"]])
        loss = value_of_loss_u(method, batch)
    original, augmented = tape.gradient(loss, [images, batch["u"]])
    assert original is None or not np.any(original)
    assert np.abs(augmented).max() > 0


def value_of_loss_u(method, batch):
    return base.mean_over_replicas(method.step_losses(batch)[0]["loss_u"])


@pytest.mark.parametrize("name", FAMILY)
def test_weight_zero_is_supervised_training(name):
    """One step on a network whose rows do not see each other."""
    zero = {"lambda_f": 0.0} if name == "freematch" else {}
    method = trained_a_little(name, lambda_u=0.0, **zero)
    settings = {
        field: getattr(method.config, field)
        for field in ("optimizer", "learning_rate", "learning_rate_schedule")
        + ("nesterov", "weight_decay", "weight_decay_form", "ema_decay")
    }
    alone = batches.build("supervised", **settings)
    alone.network.set_weights(method.network.get_weights())
    batch = batch_for(method)
    for _ in range(3):
        ours = method.train_step(batch)
        theirs = alone.train_step({key: batch[key] for key in ("step", "x", "y")})
    assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), rel=1e-5)
    for got, expected in zip(method.network.weights, alone.network.weights):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FAMILY)
def test_running_statistics_move_once_with_all_images(name):
    method = batches.build(name, network="wide_resnet", unlabeled_ratio=2)
    batch = batch_for(method)
    before = method.network.get_weights()
    method.step_losses(batch)
    after = method.network.get_weights()
    method.network.set_weights(before)
    images = [batch["x"], batch["u_original"][:, 0], batch["u"][:, 0]]
    method.network(tf.concat(images, 0), training=True)
    moved = False
    for got, expected, old in zip(after, method.network.get_weights(), before):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
        moved = moved or bool((got != old).any())
    assert moved


def test_published_settings():
    config = uda.Config()
    published = (0.03, "cosine_7_16", True, 0.0005, "l2", 0.9999)
    assert published == (
        config.learning_rate,
        config.learning_rate_schedule,
        config.nesterov,
        config.weight_decay,
        config.weight_decay_form,
        config.ema_decay,
    )
    assert (config.optimizer, config.momentum) == ("sgd", 0.9)
    assert uda.UDA.recipe(config) == Recipe(
        unlabeled_views=1,
        unlabeled_ratio=7,
        original_views=1,
        copies=100,
        copies_augment="randaugment",
    )
