"""The reduction of one value per example to the loss of a batch."""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def masked_mean(
    values: tf.Tensor, mask: tf.Tensor, denominator: float | tf.Tensor | None = None
) -> tf.Tensor:
    """Return sum(mask * values) / max(sum(mask), 1), the mean of the values kept.

    RealMix sections 3.4 and 3.5: the reduction of both masked losses. Because of the
    maximum, the loss of a batch without kept examples is 0, not 0 / 0. With several
    replicas, each has only a part of the global batch; pass the sum of all their masks
    as `denominator`, and the replicas' results add up to the mean over the global
    batch.

    Nothing is stop-gradiented; the masks of this package already are.

    Args:
        values: [...] losses, any float type.
        mask: [...] weights of the same shape, 0 drops; any number type.
        denominator: scalar to divide by in place of sum(mask), or None.

    Returns:
        [] float32.

    Raises:
        ValueError: when the shapes differ (a mask [B, 1] would broadcast losses [B] to
            a matrix [B, B]), or denominator is not a scalar.
    """
    values, mask = tf.cast(values, tf.float32), tf.cast(mask, tf.float32)
    require_same_shape(values=values, mask=mask)
    kept = tf.reduce_sum(mask) if denominator is None else denominator
    kept = tf.cast(kept, tf.float32)
    require_rank(0, 0, denominator=kept)
    return tf.reduce_sum(mask * values) / tf.maximum(kept, 1.0)
