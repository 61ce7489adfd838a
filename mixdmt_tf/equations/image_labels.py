"""Consistency of logits, and filtering segmentations by the classes of an image.

The multi-label Mean Teacher of Mittal, Tatarchenko and Brox (arXiv:1908.05724).
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def cosine_distance(q: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """Return 1 - cos(q, p) for the logits of a teacher and of a student.

    The consistency loss of MLMT. It does not depend on the norm of either.

    Nothing is stop-gradiented; the teacher's logits arrive stopped.

    Args:
        q: [..., C], any float type.
        p: [..., C], any float type.

    Returns:
        [...] float32 in [0, 2]; 1 if either is 0.

    Raises:
        ValueError: when the shapes differ.
    """
    q, p = tf.cast(q, tf.float32), tf.cast(p, tf.float32)
    require_rank(1, p=p)
    require_same_shape(p=p, q=q)
    unit_q, unit_p = (tf.math.l2_normalize(x, -1, 1e-12) for x in (q, p))
    return 1 - tf.reduce_sum(unit_q * unit_p, axis=-1)


def filtered_logits(
    logits: tf.Tensor, kept: tf.Tensor, released: bool = False
) -> tf.Tensor:
    """Return the logits of pixels with those of dropped classes removed.

    The fusion of s4GAN and MLMT: classes that the image-level classifier does not find
    are not predicted. Their logits become minus infinity. The release multiplies them
    by 0, so a dropped class still wins where all remaining logits are negative.

    Args:
        logits: [..., C], any float type.
        kept: [..., C], any number type, 0 for classes that are dropped.
        released: whether to multiply by 0 as the release does.

    Returns:
        [..., C] float32.

    Raises:
        ValueError: when the shapes differ.
    """
    logits, kept = tf.cast(logits, tf.float32), tf.cast(kept, tf.float32)
    require_rank(1, logits=logits)
    require_same_shape(logits=logits, kept=kept)
    dropped = 0.0 if released else float("-inf")
    return tf.where(kept > 0, logits, dropped)
