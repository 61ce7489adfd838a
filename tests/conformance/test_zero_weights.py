"""Without weight, unlabelled images change nothing: what is left is supervised."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.settings import settings_of
from tests.algorithms.classification import batches
from tests.conformance.test_algorithms import (
    NAMES,
    ROWS,
    batch_for,
    batch_for_name,
    same_updates,
)

METHODS = {name: algorithms.method("classification", name) for name in NAMES}
# Pseudo labels of rounds have weights of their own.
SINGLE = [name for name, method in METHODS.items() if method.loop != "rounds"]
WEIGHING = [name for name, method in METHODS.items() if hasattr(method, "weigh")]


def test_there_are_methods_of_both_kinds():
    assert "realmix" in SINGLE and "dmt" in WEIGHING


@pytest.mark.parametrize("name", SINGLE)
def test_without_its_unsupervised_weight_it_is_supervised(name):
    """On a network whose rows do not see each other, and with nothing mixed in."""
    config = algorithms.method("classification", name).config_class
    zero = {
        each.name: 0.0
        for each in settings_of(config)
        if each.name.startswith("lambda_") and isinstance(each.default, float)
    }
    assert bool(zero) == bool(batch_for_name(name).keys() & {"u"})
    plain = batches.build("supervised", labels=300, **same_updates(name))
    method = batches.build(name, labels=300, **zero, **same_updates(name))
    terms, _ = method.step_losses(batch_for(method))
    if "loss_x" in terms:
        weigh_labels(plain, terms["loss_x"].weight)
    method.network.set_weights(plain.network.get_weights())
    for (_, one), (_, two) in zip(method.average.pairs(), plain.average.pairs()):
        one.assign(two)
    for seed in range(2):
        batch = batch_for(method, seed)
        if "lam" in batch:
            batch["lam"] = tf.ones_like(batch["lam"])
        method.train_step(batch)
        plain.train_step({key: batch[key] for key in ("step", "x", "y")})
    for got, expected in zip(batches.weights(method), batches.weights(plain)):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def weigh_labels(supervised, weight):
    """Dual Student divides the loss of the labels by all images of a batch."""
    plain = supervised.step_losses

    def step_losses(batch):
        terms, reports = plain(batch)
        term = dataclasses.replace(terms["loss_x"], weight=weight)
        return {**terms, "loss_x": term}, reports

    supervised.step_losses = step_losses


@pytest.mark.parametrize("name", WEIGHING)
def test_pseudo_labels_that_weigh_nothing_leave_the_labels(name):
    """And still count among the rows whose mean the loss is."""
    method, plain = batches.build(name), batches.build("supervised")
    plain.network.set_weights(method.network.get_weights())
    batch = batch_for(method)
    batch["lam"] = tf.ones_like(batch["lam"])
    nothing = tf.zeros_like(batch["u_confidence"])
    weights = (nothing, nothing) if method.has_peer else nothing
    method.weigh = lambda batch, images, labels: (labels, weights, {})
    gradients = []
    for each in (method, plain):
        with tf.GradientTape() as tape:
            terms, _ = each.step_losses(batch)
            own = [term for name, term in terms.items() if "peer" not in name]
            means = [term.weight * tf.reduce_mean(term.values) for term in own]
            loss = tf.add_n(means)
        gradients.append(tape.gradient(loss, each.network.trainable_variables))
    share = ROWS / (ROWS + len(nothing))
    for got, expected in zip(*gradients):
        np.testing.assert_allclose(got, share * expected, rtol=1e-5, atol=1e-7)
