"""The averaged weights: evaluated, exported, and what teachers predict with."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import keras
import tensorflow as tf

from mixdmt_tf import compat


class MovingAverage(tf.Module):
    """An exponential moving average of the trainable weights.

    It starts from the initial weights and has no bias correction (MixMatch
    `libml/utils.py`). Batch normalization's running statistics are not averaged
    again; with averaged weights they are used as they are.
    """

    def __init__(self, network: keras.Model, teacher: Optional[keras.Model] = None):
        """Starts from the network's trainable weights.

        Args:
            network: whose weights are averaged.
            teacher: a network of the same form that is to hold the averages; if there
                is none they are variables of their own.
        """
        super().__init__()
        self.weights = [compat.tf_variable(w) for w in network.trainable_variables]
        if teacher is None:
            self.averages = [
                tf.Variable(tf.identity(w), trainable=False, name="average")
                for w in self.weights
            ]
        else:
            # The teacher stays trainable to Keras, or its batch normalization would use
            # running statistics in training mode too; nobody asks for its gradients.
            held = teacher.trainable_variables
            self.averages = [compat.tf_variable(w) for w in held]
            self.restart()

    def restart(self) -> None:
        """Begins again with the present weights, say after some were loaded."""
        for weight, average in self.pairs():
            average.assign(weight.numpy())

    def pairs(self) -> List[Tuple[tf.Variable, tf.Variable]]:
        """(weight, its average) for all trainable weights."""
        return list(zip(self.weights, self.averages))

    def in_network(self, network: keras.Model) -> List[Any]:
        """All weights in the network's order, trainable ones replaced by averages.

        Returns:
            NumPy arrays as `network.set_weights` takes them.
        """
        averages = {id(weight): average for weight, average in self.pairs()}
        weights = map(compat.tf_variable, network.weights)
        return [averages.get(id(weight), weight).numpy() for weight in weights]
