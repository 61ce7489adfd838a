"""The averaged weights: evaluated, exported, and what teachers predict with."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import keras
import tensorflow as tf

from mixdmt_tf import compat


class MovingAverage(tf.Module):
    """An exponential moving average of the trainable weights.

    It starts from the initial weights and has no bias correction (MixMatch
    `libml/utils.py`). Batch normalization's running statistics are not averaged; they
    are used together with the averaged weights as they are.
    """

    def __init__(self, network: keras.Model, teacher: Optional[keras.Model] = None):
        """Starts from the network's trainable weights.

        Args:
            network: the network whose weights are averaged.
            teacher: a network of the same architecture that holds the averages. If
                None, separate variables hold them.
        """
        super().__init__()
        self.weights = [compat.tf_variable(w) for w in network.trainable_variables]
        if teacher is None:
            self.averages = [
                tf.Variable(tf.identity(w), trainable=False, name="average")
                for w in self.weights
            ]
        else:
            # The teacher stays trainable for Keras. Otherwise its batch normalization
            # would use running statistics even in training mode. Its gradients are
            # never computed.
            held = teacher.trainable_variables
            self.averages = [compat.tf_variable(w) for w in held]
            self.restart()

    def restart(self) -> None:
        """Restarts from the current weights, for example after loading weights."""
        for weight, average in self.pairs():
            average.assign(weight.numpy())

    def pairs(self) -> List[Tuple[tf.Variable, tf.Variable]]:
        """Returns (weight, its average) for all trainable weights."""
        return list(zip(self.weights, self.averages))

    def in_network(self, network: keras.Model) -> List[Any]:
        """Returns all weights of the network, trainable ones replaced by averages.

        Returns:
            NumPy arrays for `network.set_weights`.
        """
        averages = {id(weight): average for weight, average in self.pairs()}
        weights = map(compat.tf_variable, network.weights)
        return [averages.get(id(weight), weight).numpy() for weight in weights]
