"""Algorithms whose predictions differ, and what a weight of 0 has to do to them."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.equations import masked_mean
from tests.algorithms.classification import batches


def trained_a_little(name, **settings):
    """An algorithm with large random weights, its teacher with others."""
    method = batches.build(name, **settings)
    rng = np.random.default_rng(1)
    for network in filter(None, [method.network, method.teacher]):
        network.set_weights(
            [rng.normal(0, 0.7, w.shape) for w in network.get_weights()]
        )
    return method


def normalized(name, **settings):
    """An algorithm on the smallest network with batch normalization."""
    images = keras.Input(batches.SHAPE)
    x = keras.layers.Conv2D(4, 3, 2)(images)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    logits = keras.layers.Dense(batches.CLASSES)(keras.layers.Flatten()(x))
    network = keras.Model(images, logits)
    method_class = algorithms.method("classification", name)
    task = RunFacts(
        batches.CLASSES, 8, steps=100, unlabeled=batches.UNLABELED, noise_rate=0.3
    )
    return method_class(network, method_class.config_class(**settings), task)


def batch_for(method, rows=6, step=30, seed=0):
    """What the method's recipe asks for."""
    return batches.make(method.recipe(method.config), rows, step=step, seed=seed)


def as_numpy(batch):
    """The batch for an oracle."""
    return {name: value.numpy() for name, value in batch.items()}


def forward(network):
    """The network as an oracle calls it."""
    return lambda images: network(tf.constant(images, tf.float32)).numpy()


def value(term):
    """The mean of a term on one device."""
    rows = tf.cast(tf.size(term.values), tf.float32) if term.over_all else None
    mask = tf.ones_like(term.values) if term.mask is None else term.mask
    return float(masked_mean(term.values, mask, rows))


def gradient(method, batch, term="loss_u"):
    """Of the mean of a term, for all weights of the network."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(method.step_losses(batch)[0][term].values)
    return tape.gradient(loss, method.network.trainable_variables)


def assert_learns_as_supervised(name, batch_changes=None, **settings):
    """Two steps of a method whose weights are 0 end where supervised ones do.

    With batch normalization: the unlabelled passes may not even touch its statistics.

    Args:
        name: of the method.
        batch_changes: entries of the batch to replace.
        **settings: which set the weights to 0.
    """
    methods = []
    for each, own in ((name, settings), ("supervised", {})):
        method = normalized(each, weight_decay=0.02, **own)
        # SGD, since Adam would magnify gradients that are 0 but for rounding.
        method.compile(keras.optimizers.SGD(0.1))
        methods.append(method)
    tried, supervised = methods
    tried.network.set_weights(supervised.network.get_weights())
    tried.average.restart()
    for step in (40, 41):
        batch = {**batch_for(tried, step=step, seed=step), **(batch_changes or {})}
        tried.train_step(batch)
        supervised.train_step({key: batch[key] for key in ("step", "x", "y")})
    pairs = list(zip(tried.network.get_weights(), supervised.network.get_weights()))
    assert any(np.abs(got).max() > 0 for got, _ in pairs)
    for got, expected in pairs:
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)
    for (_, got), (_, expected) in zip(
        tried.average.pairs(), supervised.average.pairs()
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)
