"""Checks of the equations' arguments.

The checks use static shapes, while TensorFlow traces: they cost nothing in the compiled
step, and an unknown batch size passes. They exist because broadcasting hides mistakes:
losses [B] times a mask [B, 1] is a matrix [B, B], and its mean is a plausible number.
"""

from __future__ import annotations

import tensorflow as tf


def require_same_shape(**tensors: tf.Tensor) -> None:
    """Require that all tensors have the shape of the first, without broadcasting.

    Args:
        **tensors: tensors by name, for the error message.

    Raises:
        ValueError: when two ranks, or two known sizes of an axis, differ.
    """
    (first, expected), *others = [(name, x.shape) for name, x in tensors.items()]
    for name, shape in others:
        if not shape.is_compatible_with(expected):
            raise ValueError(
                f"{name} must have the shape of {first}, {expected}, got {shape}"
            )


def require_rank(low: int, high: int | None = None, **tensors: tf.Tensor) -> None:
    """Require that the rank of each tensor is in low..high, both included.

    Args:
        low: the smallest rank allowed.
        high: the largest rank allowed; None for no limit.
        **tensors: tensors by name, for the error message.

    Raises:
        ValueError: when a known rank is outside.
    """
    wanted = f"at least {low}" if high is None else f"{low} to {high}"
    wanted = str(low) if low == high else wanted
    for name, x in tensors.items():
        rank = x.shape.rank
        if rank is None or (low <= rank and (high is None or rank <= high)):
            continue
        raise ValueError(f"{name} must have rank {wanted}, got shape {x.shape}")
