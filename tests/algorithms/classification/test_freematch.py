"""What FreeMatch shares with UDA and FixMatch is tested in test_uda.py."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.classification import fixmatch, freematch
from tests.algorithms.classification import batches
from tests.algorithms.classification.test_uda import (
    as_numpy,
    batch_for,
    forward,
    trained_a_little,
    value,
)
from tests.oracles import adaptive, adaptive_steps

UNIFORM = np.full(batches.CLASSES, 1 / batches.CLASSES)


@pytest.mark.parametrize("cap", [1.0, 0.5])
def test_three_steps_follow_the_paper(cap):
    """The running means of each go into the next."""
    method = trained_a_little("freematch", threshold_decay=0.6, threshold_cap=cap)
    state = UNIFORM[0], UNIFORM, UNIFORM
    shares = []
    for seed in range(3):
        batch = batch_for(method, rows=8, seed=seed)
        loss_x, loss_u, loss_f, kept, state = adaptive_steps.freematch(
            forward(method), as_numpy(batch), state, 0.6, cap
        )
        terms, reports = method.step_losses(batch)
        assert value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
        assert value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)
        assert value(terms["loss_f"]) == pytest.approx(loss_f, rel=1e-4)
        np.testing.assert_array_equal(reports["kept"], kept)
        assert float(reports["threshold"]) == pytest.approx(min(state[0], cap))
        found = method.confidence, method.class_means, method.histogram
        for variable, expected in zip(found, state):
            np.testing.assert_allclose(variable, expected, rtol=1e-4)
        shares.append(kept.mean())
    assert 0 < min(shares) < 1


def test_the_gradient_of_the_fairness_is_that_of_the_formula():
    """By finite differences of the oracle, in the logits of one strong view."""
    rng = np.random.default_rng(4)
    logits = rng.normal(size=(6, 4))
    method = batches.build("freematch")
    method.class_means.assign([0.4, 0.3, 0.2, 0.1])
    method.histogram.assign([0.7, 0.1, 0.1, 0.1])
    kept = np.array([1, 1, 0, 1, 1, 1], np.float32)

    def oracle(changed):
        p = np.exp(changed) / np.exp(changed).sum(-1, keepdims=True)
        labels = np.eye(4)[logits.argmax(-1)]  # counts do not move with the logits
        given = (kept[:, None] * p).mean(0), (kept[:, None] * labels).mean(0)
        means = method.class_means.numpy(), method.histogram.numpy()
        return adaptive.class_fairness(*means, *given)

    given = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(given)
        rows = method._fairness(tf.nn.softmax(given), tf.constant(kept))
        loss = tf.reduce_mean(rows)
    found = tape.gradient(loss, given).numpy()
    assert float(loss) == pytest.approx(oracle(logits), rel=1e-5)
    assert np.abs(found).max() > 1e-2 and not found[2].any()
    for i, c in ((0, 1), (3, 2), (5, 0)):
        step = np.zeros_like(logits)
        step[i, c] = 1e-4
        slope = (oracle(logits + step) - oracle(logits - step)) / 2e-4
        assert found[i, c] == pytest.approx(slope, rel=1e-3, abs=1e-6)


def test_a_rare_class_needs_less_confidence():
    method = batches.build("freematch", threshold_decay=1.0)
    method.confidence.assign(0.8)
    method.class_means.assign([0.4, 0.2, 0.2, 0.2])
    logits = np.log([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]])
    method.network = lambda images, training: tf.constant(
        np.concatenate([np.zeros((1, 4)), logits, logits]), tf.float32
    )
    reports = method.step_losses(batches.make(method.recipe(method.config), 1))[1]
    np.testing.assert_array_equal(reports["kept"], [0, 1])


def test_nothing_kept_costs_nothing():
    method = trained_a_little("freematch", threshold_decay=1.0)
    method.confidence.assign(2.0)
    method.class_means.assign(UNIFORM)
    metrics = method.train_step(batch_for(method))
    assert metrics["kept"] == metrics["loss_u"] == metrics["loss_f"] == 0
    assert np.isfinite(metrics["loss"])


def test_published_settings():
    config = freematch.Config().for_run(2**20)
    assert (config.lambda_u, config.lambda_f, config.threshold_decay) == (
        1,
        0.01,
        0.999,
    )
    theirs = fixmatch.Config()
    for name in ("optimizer", "learning_rate", "weight_decay", "weight_decay_form"):
        assert getattr(config, name) == getattr(theirs, name)
    recipe = freematch.FreeMatch.recipe(config)
    assert recipe == fixmatch.FixMatch.recipe(theirs)
