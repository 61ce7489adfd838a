"""A method with two groups of weights: a classifier and a critic of its predictions."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import supervised
from mixdmt_tf.algorithms.parts.groups import Group
from mixdmt_tf.equations import cross_entropy
from tests.algorithms.classification import batches

RATE = 0.05  # of the critic
Config = supervised.Config


class Adversary(supervised.Supervised):
    """The critic tells labels from predictions, which are to look like labels.

    Attributes:
        pull: weight of the term that the critic gives to the classifier.
        kept: what part of the critic's rows counts.
        decay: of the critic's kernel.
    """

    reported = ("loss_x", "loss_a", "loss_d")
    pull, kept, decay = 1.0, 1.0, 0.0

    def __init__(self, network, config, facts):
        super().__init__(network, config, facts)
        self.critic = keras.layers.Dense(1, dtype="float32", name="critic")
        self.critic.build((None, facts.num_classes))

    def more_groups(self):
        adam = keras.optimizers.Adam(RATE)
        return {
            "critic": Group(self.critic.trainable_variables, adam, RATE, self.decay)
        }

    def step_losses(self, batch):
        y = tf.one_hot(batch["y"], batches.CLASSES)
        logits = self.network(batch["x"], training=True)
        fake = self.critic(tf.nn.softmax(logits))[:, 0]
        true = self.critic(y)[:, 0]
        rows = tf.concat([tf.nn.softplus(fake), tf.nn.softplus(-true)], 0)
        mask = self.kept * tf.ones_like(rows)
        return {
            "loss_x": base.Term(cross_entropy(y, logits)),
            "loss_a": base.Term(tf.nn.softplus(-fake), weight=self.pull),
            "loss_d": base.Term(rows, mask, group="critic"),
        }, {}


def build(seed: int = 1, **settings) -> Adversary:
    """One on a network without batch normalization, and critic weights to be seen."""
    keras.utils.set_random_seed(seed)
    network = batches.build("supervised").network
    method = Adversary(network, Config(**settings), base.RunFacts(4, 8, 100))
    rng = np.random.default_rng(seed)
    method.critic.set_weights(
        [rng.normal(0, 2, w.shape) for w in method.critic.weights]
    )
    return method


def weights(method: Adversary):
    """Of classifier and critic, as NumPy arrays."""
    return method.network.get_weights(), method.critic.get_weights()
