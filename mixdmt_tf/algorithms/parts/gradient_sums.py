"""Gradients of a batch that is worked through in parts, one after the other.

A part holds a fraction of the rows, and so takes a fraction of the memory; weights move
once, along the gradient of the whole batch. A term that is divided by the number of
rows that its mask keeps has that number in the whole batch, which nobody knows before
the last part: gradients of terms with different masks are summed up apart, each times
the rows of its part, and divided in the end. That takes a pass backwards, and memory
of the size of the weights, for each mask.

What a pass takes from all its rows otherwise it takes from those of a part: statistics
of batch normalization, partners in mixup, percentiles, and numbers that weigh a term.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple, Union

import tensorflow as tf

from mixdmt_tf.algorithms.parts.groups import Gradients

# Gradients of terms that are divided by one number, and that number (`by_count`).
Shares = Sequence[Tuple[Gradients, Union[float, tf.Tensor]]]


class GradientSums:
    """What the parts of a batch have added up to so far, on each replica its own.

    Between two steps all sums are zero, so that no checkpoint has to hold them.
    """

    def __init__(self) -> None:
        """Which sums there are shows when the first part is added."""
        self._sums: Dict[Tuple[Union[int, str], ...], tf.Variable] = {}

    def add(self, shares: Shares) -> None:
        """Adds the gradients of a part; those of the last one go to `finish`."""
        for k, (gradients, count) in enumerate(shares):
            self._add((k,), tf.convert_to_tensor(count))
            for name, some in gradients.items():
                for n, gradient in enumerate(some):
                    if gradient is not None:
                        rows = tf.maximum(count, 1.0)  # that its mean was divided by
                        self._add((k, name, n), rows * tf.convert_to_tensor(gradient))

    def finish(self, shares: Shares) -> Gradients:
        """The gradients of the whole batch, after which all sums are zero."""
        self.add(shares)
        totals = {
            key: tf.identity(sum_.read_value()) for key, sum_ in self._sums.items()
        }
        for each in self._sums.values():
            each.assign(tf.zeros_like(each))
        found: Dict[str, List[Optional[tf.Tensor]]] = {}
        for k, (gradients, _) in enumerate(shares):
            rows = tf.maximum(totals[k,], 1.0)
            for name, some in gradients.items():
                before = found.get(name, [None] * len(some))
                own = [totals.get((k, name, n)) for n in range(len(some))]
                found[name] = [_plus(*pair, rows) for pair in zip(before, own)]
        return found

    def _add(self, key: Tuple[Union[int, str], ...], value: tf.Tensor) -> None:
        if key not in self._sums:
            with tf.init_scope():  # outside of the graph that is being made
                self._sums[key] = tf.Variable(
                    tf.zeros(value.shape, value.dtype),
                    trainable=False,
                    synchronization=tf.VariableSynchronization.ON_READ,
                    aggregation=tf.VariableAggregation.SUM,
                )
        self._sums[key].assign_add(value)


def _plus(
    before: Optional[tf.Tensor], total: Optional[tf.Tensor], rows: tf.Tensor
) -> Optional[tf.Tensor]:
    if total is None:
        return before
    return total / rows if before is None else before + total / rows
