"""Steps of the methods that learn from pseudo labels in a file, on linear networks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms import base
from tests.algorithms.classification import batches, stepping
from tests.oracles import dmt_step

STEPS = 100
GAMMAS = (3.0, 2.0)


def linear(name: str, **settings: Any):
    """One dense layer of known weights, compiled with plain SGD of rate 1.

    What a training step takes from the weights is then the gradient itself.
    """
    images = keras.Input(batches.SHAPE)
    logits = keras.layers.Dense(batches.CLASSES)(keras.layers.Flatten()(images))
    network = keras.Model(images, logits)
    method_class = algorithms.method("classification", name)
    if hasattr(method_class.config_class, "unlabeled_ratio"):
        settings.setdefault("unlabeled_ratio", 2)
    if hasattr(method_class.config_class, "gamma1"):
        settings.setdefault("gamma1", GAMMAS[0])
        settings.setdefault("gamma2", GAMMAS[1])
    task = base.RunFacts(batches.CLASSES, 8, STEPS)
    method = method_class(network, method_class.config_class(**settings), task)
    method.compile(keras.optimizers.SGD(1.0))
    rng = np.random.default_rng(1)
    network.set_weights([rng.normal(0, 0.3, w.shape) for w in network.get_weights()])
    method.average.restart()
    return method


def gammas(method, step: int):
    """Both powers of a step, by the paper."""
    own = method.config.gamma1, method.config.gamma2
    if not method.config.gamma_ramp:
        return own
    return tuple(dmt_step.ramped(gamma, step / STEPS) for gamma in own)


def rows_of(terms):
    """Losses of all rows, labelled ones first."""
    return np.concatenate([terms["loss_x"].values, terms["loss_u"].values])


def unmixed(batch):
    """The batch with a mixup that leaves every row as it is."""
    return {**batch, "lam": tf.ones_like(batch["lam"])}


def predicted(method, batch):
    """Probabilities of the pseudo-labelled images, not mixed."""
    forward = stepping.forward(method.network)
    return dmt_step.predict(forward, batch["u"][:, 0].numpy())


def agreeing(method, batch):
    """The batch with the network's own classes as pseudo labels."""
    own = predicted(method, batch).argmax(-1)
    return {**batch, "u_label": tf.constant(own, tf.int32)}


def disagreeing(method, batch):
    """The batch with pseudo labels that all are in positive disagreement."""
    other = predicted(method, batch).argmin(-1)
    doubtful = tf.fill(tf.shape(batch["u_confidence"]), 0.2)
    return {
        **batch,
        "u_label": tf.constant(other, tf.int32),
        "u_confidence": doubtful,
    }


def step_of(method, batch):
    """Logs of a training step, and what it took from kernel and bias."""
    before = method.network.get_weights()
    logs = method.train_step(batch)
    pairs = zip(before, method.network.get_weights())
    return logs, [old - new for old, new in pairs]


def assert_steps_as_the_paper(method, rule: str, step: int = 60):
    """Rows, weights, loss and gradient of a step are the oracle's.

    Args:
        method: made by `linear`.
        rule: of `dmt_step.judge`.
        step: of the batch.
    """
    batch = stepping.batch_for(method, step=step)
    powers = gammas(method, step) if rule != "none" else ()
    given = stepping.forward(method.network), stepping.as_numpy(batch)
    expected, rows = dmt_step.costs(*given, batches.CLASSES, powers, rule)
    gradients = dmt_step.linear_gradient(*given, batches.CLASSES, powers, rule)

    terms, reports = method.step_losses(batch)
    np.testing.assert_allclose(rows_of(terms), rows, rtol=1e-4, atol=1e-6)
    assert float(terms["loss_x"].weight) == 1 / 3
    assert float(terms["loss_u"].weight) == 2 / 3
    assert not terms["loss_x"].over_all and terms["loss_u"].mask is None
    if rule != "none":
        _, weights = dmt_step.judge(*given, batches.CLASSES, powers, rule)
        np.testing.assert_allclose(reports["weight"], weights, rtol=1e-4, atol=1e-6)

    logs, taken = step_of(method, batch)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-4)
    for got, wanted in zip(taken, gradients):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-6)


def assert_no_gradient_through_weights(method):
    """Constant targets and weights give the same gradient."""
    batch = stepping.batch_for(method, step=60)
    images = tf.concat([batch["x"], batch["u"][:, 0]], 0)
    labels = tf.one_hot(batch["u_label"], batches.CLASSES)
    targets, weights, reports = method.weigh(batch, images, labels)
    assert np.ptp(weights) > 0.1

    def gradient():
        with tf.GradientTape() as tape:
            terms, _ = method.step_losses(batch)
            loss = tf.add_n([tf.reduce_mean(each.values) for each in terms.values()])
        return tape.gradient(loss, method.network.trainable_variables)

    free = gradient()
    constant = tf.constant(targets.numpy()), tf.constant(weights.numpy()), reports
    method.weigh = lambda *given: constant
    for got, expected in zip(free, gradient()):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-8)


def assert_weights_of_the_labels_count(method):
    """What labels and pseudo labels count by where they come from."""
    batch = unmixed(stepping.batch_for(method))
    plain, _ = method.step_losses(batch)
    rng = np.random.default_rng(8)
    own = {
        name: rng.uniform(0, 2, len(batch[name])).astype(np.float32)
        for name in ("x_weight", "u_weight")
    }
    weighed, _ = method.step_losses({**batch, **own})
    for term, name in (("loss_x", "x_weight"), ("loss_u", "u_weight")):
        expected = plain[term].values * own[name]
        np.testing.assert_allclose(weighed[term].values, expected, rtol=1e-5)
