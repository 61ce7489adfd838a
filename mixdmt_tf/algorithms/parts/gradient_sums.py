"""Gradients of a batch that is worked through in parts, one after the other.

A part holds a fraction of the rows, and so needs a fraction of the memory. Weights are
updated once, with the gradient of the whole batch. The mean of a masked term is divided
by the number of rows that its mask keeps in the whole batch, which is known only after
the last part. Gradients of terms with different masks are therefore summed separately,
each times the rows of its part, and divided at the end. This needs a backward pass, and
memory of the size of the weights, for each mask.

Everything else that depends on all rows of a pass depends on the rows of a part
instead: batch normalization statistics, mixup partners, percentiles, and numbers that
weight a term.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple, Union

import tensorflow as tf

from mixdmt_tf.algorithms.parts.groups import Gradients

# Gradients of terms with the same denominator, and that denominator (`by_count`).
Shares = Sequence[Tuple[Gradients, Union[float, tf.Tensor]]]


class GradientSums:
    """Sums of the gradients of a batch's parts so far, separate on each replica.

    Between two steps all sums are zero, so they need not be checkpointed.
    """

    def __init__(self) -> None:
        """Starts without sums; adding the first part creates them."""
        self._sums: Dict[Tuple[Union[int, str], ...], tf.Variable] = {}

    def add(self, shares: Shares) -> None:
        """Adds the gradients of a part, except for the last part: see `finish`."""
        for k, (gradients, count) in enumerate(shares):
            self._add((k,), tf.convert_to_tensor(count))
            for name, some in gradients.items():
                for n, gradient in enumerate(some):
                    if gradient is not None:
                        rows = tf.maximum(count, 1.0)  # that its mean was divided by
                        self._add((k, name, n), rows * tf.convert_to_tensor(gradient))

    def finish(self, shares: Shares) -> Gradients:
        """Adds the last part, returns the whole batch's gradients, and resets sums."""
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
            with tf.init_scope():  # outside of the graph that is being traced
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
