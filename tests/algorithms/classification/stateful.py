"""A method with variables of its own, more of them than a method of the package has.

They are kept in every place that a method might choose, move at each step, and all of
them are factors of its loss.
"""

from __future__ import annotations

from typing import Any, List

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import pi_model
from mixdmt_tf.algorithms.parts.terms import mean_of_all

Config = pi_model.Config


# Every replica assigns the same number.
FIRST = tf.VariableAggregation.ONLY_FIRST_REPLICA


def variable(value: Any) -> tf.Variable:
    """One that a step may assign."""
    return tf.Variable(value, trainable=False, aggregation=FIRST)


class Module(tf.Module):
    """Holds a variable for TensorFlow to find."""

    def __init__(self):
        super().__init__()
        self.mean = variable(1.0)


class Layer(keras.layers.Layer):
    """Holds a weight for Keras to find."""

    def __init__(self):
        super().__init__(dtype="float32")
        self.mean = self.add_weight(
            name="mean",
            shape=(),
            initializer="ones",
            trainable=False,
            aggregation=FIRST.name.lower() if compat.KERAS_3 else FIRST,
        )


class Plain:
    """Holds a variable in a way that TensorFlow doesn't see."""

    def __init__(self):
        self.means = (variable(1.0),)


class Stateful(pi_model.PiModel):
    """The Pi-model with a loss that depends on running means."""

    reported = (*pi_model.PiModel.reported, "factor")

    def __init__(self, network, config, facts):
        super().__init__(network, config, facts)
        self.mean = variable(1.0)
        self.by_class = {"mean": variable(np.ones(facts.num_classes, np.float32))}
        self.queue = [variable(1.0), variable(0.5)]
        self.module = Module()
        self.plain = Plain()
        self.layer = Layer()

    def running(self) -> List[tf.Variable]:
        """The variables."""
        return [
            self.mean,
            self.by_class["mean"],
            *self.queue,
            self.module.mean,
            *self.plain.means,
            compat.tf_variable(self.layer.mean),
        ]

    def step_losses(self, batch) -> base.Losses:
        terms, reports = super().step_losses(batch)
        values = tf.stop_gradient(terms["loss_u"].values)
        factor = tf.constant(1.0)
        now = mean_of_all(values, tf.ones_like(values))
        for i, each in enumerate(self.running()):
            rate = 0.1 * (i + 1)
            each.assign((1 - rate) * each + rate * now * tf.ones_like(each))
            factor *= tf.reduce_mean(1 + each)
        loss_u = terms["loss_u"]
        term = base.Term(loss_u.values * factor, weight=loss_u.weight)
        return {**terms, "loss_u": term}, {**reports, "factor": factor}
