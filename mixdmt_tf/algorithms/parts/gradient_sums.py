"""Gradients of a batch that is worked through in parts, one after the other.

A part holds a fraction of the rows, and so takes a fraction of the memory; weights move
once, along the mean of the gradients of all parts. That is the gradient of the whole
batch where losses are means over as many rows in each part, and rows do not see each
other. What a pass takes from all its rows it then takes from those of a part:
statistics of batch normalization, partners in mixup, percentiles, and the number of
rows that a masked mean is divided by.
"""

from __future__ import annotations

from typing import Dict, List, Mapping

import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.groups import Gradients, Group


class GradientSums:
    """What the parts of a batch have added up to so far, on each replica its own.

    Between two steps all sums are zero, so that no checkpoint has to hold them.
    """

    def __init__(self, groups: Mapping[str, Group], parts: int):
        """Makes the variables; call it in the scope of the strategy.

        Args:
            groups: weights of a method by name.
            parts: of a batch.
        """
        self._parts = parts
        self._sums: Dict[str, List[tf.Variable]] = {
            name: [_zeros(compat.tf_variable(weight)) for weight in group.weights]
            for name, group in groups.items()
        }

    def add(self, gradients: Gradients) -> None:
        """Adds the gradients of a part; those of the last one go to `finish`."""
        for name, some in gradients.items():
            for total, gradient in zip(self._sums[name], some):
                if gradient is not None:
                    total.assign_add(tf.convert_to_tensor(gradient) / self._parts)

    def finish(self, gradients: Gradients) -> Gradients:
        """The means of the gradients of all parts, after which all sums are zero."""
        self.add(gradients)
        means = {
            name: [
                None if gradient is None else tf.identity(total.read_value())
                for total, gradient in zip(self._sums[name], some)
            ]
            for name, some in gradients.items()
        }
        for sums in self._sums.values():
            for total in sums:
                total.assign(tf.zeros_like(total))
        return means


def _zeros(weight: tf.Variable) -> tf.Variable:
    return tf.Variable(
        tf.zeros(weight.shape, weight.dtype),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )
