"""Algorithms with two networks whose predictions are known or differ."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms import base
from tests.algorithms.classification import batches


def linear(name: str, size: float = 0.3, **settings: Any):
    """Two linear networks with known weights of that size; compiled."""
    images = keras.Input(batches.SHAPE)
    logits = keras.layers.Dense(batches.CLASSES)(keras.layers.Flatten()(images))
    network = keras.Model(images, logits)
    method_class = algorithms.method("classification", name)
    settings.setdefault("unlabeled_ratio", 2)
    task = base.RunFacts(batches.CLASSES, 8, 100)
    method = method_class(network, method_class.config_class(**settings), task)
    method.compile()
    rng = np.random.default_rng(1)
    for each in (method.network, method.peer):
        weights = [rng.normal(0, size, w.shape) for w in each.get_weights()]
        each.set_weights(weights)
    method.average.restart()
    return method


def variables(method):
    """Trainable weights of the network and of the peer."""
    return method.network.trainable_variables, method.peer.trainable_variables


def statistics(network: keras.Model):
    """Running statistics of batch normalization."""
    return [w.numpy() for w in network.weights if "moving" in w.name]


def assert_one_joint_pass_moves_statistics(method, batch, own_views):
    """One pass of labelled images and a view each is all that the statistics saw.

    Args:
        method: with batch normalization in both networks.
        batch: for its losses.
        own_views: images [n, H, W, C] that pass with the labelled ones, by network.
    """
    networks = (method.network, method.peer)
    alone = [keras.models.clone_model(each) for each in networks]
    for each, network, view in zip(alone, networks, own_views):
        each.set_weights(network.get_weights())
        each(np.concatenate([batch["x"], view]), training=True)
    before = [statistics(each) for each in networks]
    method.step_losses(batch)
    for each, network, old in zip(alone, networks, before):
        assert any((a != b).any() for a, b in zip(statistics(network), old))
        for got, expected in zip(statistics(network), statistics(each)):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)
