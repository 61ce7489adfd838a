"""The step of an optimizer along the gradients of a scaled loss (mixed_float16)."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

import tensorflow as tf

from mixdmt_tf import compat


def apply_scaled_gradients(
    optimizer: Any, gradients: Sequence[Optional[tf.Tensor]], variables: Sequence[Any]
) -> None:
    """Applies the gradients of a scaled loss, summed over the replicas.

    Weights with gradient None, on which the loss does not depend, are not changed.

    A step whose gradients overflow on any replica is skipped on all of them. Keras 3
    checks the first replica only and would apply infinite gradients of the others, so
    the check is reduced over all replicas before the optimizer gets the gradients.

    Args:
        optimizer: a Keras optimizer, with or without loss scaling.
        gradients: gradients of the loss from `compat.scale_loss`.
        variables: Keras weights, one for each gradient.
    """
    gradients = list(gradients)
    if compat.is_loss_scaling(optimizer):
        gradients = _poison_unless_all_finite(gradients)
    gradients = compat.before_applying(optimizer, gradients)
    optimizer.apply_gradients(zip(gradients, variables))


def _poison_unless_all_finite(
    gradients: List[Optional[tf.Tensor]],
) -> List[Optional[tf.Tensor]]:
    some = [g for g in gradients if g is not None]
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in some])
    overflows = tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.SUM, tf.cast(~finite, tf.float32)
    )
    poison = tf.where(overflows > 0, float("nan"), 0.0)
    return [None if g is None else g + tf.cast(poison, g.dtype) for g in gradients]
