"""Stateless random numbers, which depend only on a key.

Every draw of the data path has a key made of the run's seed, a purpose, and the global
step (or an image's number). No generator has a state, so a batch is the same if it is
computed out of order, on any replica or after a restart.
"""

from __future__ import annotations

import hashlib
from typing import Tuple

import numpy as np
import tensorflow as tf

Key = tf.Tensor  # int64 [2]


def purpose_key(seed: int, purpose: str) -> Tuple[int, int]:
    """Returns two 31-bit numbers for a seed and purpose, independent of all others."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    mask = 0x7FFFFFFF
    return (
        int.from_bytes(digest[:4], "little") & mask,
        int.from_bytes(digest[4:8], "little") & mask,
    )


def step_key(seed: int, purpose: str, step: tf.Tensor) -> Key:
    """Returns the key of one purpose at one step: int64 [2]."""
    first, second = purpose_key(seed, purpose)
    base = tf.constant([first, second], tf.int64)
    return tf.random.experimental.stateless_fold_in(base, tf.cast(step, tf.int64))


def row_keys(seed: int, purpose: str, step: tf.Tensor, rows: int) -> tf.Tensor:
    """Returns keys to draw numbers for the rows of a batch later: int64 [rows, 2].

    The keys of fewer rows are not the first keys of more rows.
    """
    return tf.random.experimental.stateless_split(step_key(seed, purpose, step), rows)


def uniform_rows(keys: tf.Tensor, purpose: str, shape) -> tf.Tensor:
    """Draws float32 numbers from [0, 1) for each row: [n, *shape].

    The numbers of a row depend on its key, the purpose and the shape, and not on other
    rows.

    Args:
        keys: int64 [n, 2] from `row_keys`.
        purpose: purpose of the numbers; different purposes give different numbers.
        shape: shape of the numbers of one row.
    """
    return _of_rows(uniform, keys, purpose, shape)


def normal_rows(keys: tf.Tensor, purpose: str, shape) -> tf.Tensor:
    """Draws from the standard normal distribution; arguments as in `uniform_rows`."""
    return _of_rows(normal, keys, purpose, shape)


def uniform(key: Key, shape) -> tf.Tensor:
    """Draws float32 numbers from [0, 1), the same on every device (Philox).

    Steps compiled with XLA draw other numbers from the same key. Batches are not
    affected: they are drawn outside of these steps.
    """
    return tf.random.stateless_uniform(shape, key, alg="philox")


def normal(key: Key, shape) -> tf.Tensor:
    """Draws float32 numbers from the standard normal distribution."""
    return tf.random.stateless_normal(shape, key, alg="philox")


def beta(key: Key, shape, parameter: float) -> tf.Tensor:
    """Draws float32 numbers from Beta(parameter, parameter).

    Each number is made of two Gamma draws. With a tiny parameter, both can be too small
    for float64, and TensorFlow returns the smallest number. Beta then has its limit, 0
    or 1 with equal probability.
    """
    gamma = tf.random.stateless_gamma(
        tf.concat([[2], shape], 0),
        key,
        alpha=tf.constant(parameter, tf.float64),
        dtype=tf.float64,
    )
    total = gamma[0] + gamma[1]
    coin = tf.cast(uniform(key, shape) < 0.5, tf.float64)
    drawn = total > 2 * np.finfo(np.float64).tiny
    return tf.cast(tf.where(drawn, gamma[0] / total, coin), tf.float32)


def permutation(key: Key, size: int) -> tf.Tensor:
    """Draws a uniformly random permutation of 0, ..., size - 1: int32 [size]."""
    return tf.argsort(uniform(key, [size]), stable=True)


def shuffled(seed: int, purpose: str, positions: tf.Tensor, size: int) -> tf.Tensor:
    """Returns the items at positions of an infinite stream of reshuffled passes.

    Position p lies in pass p // size, and every pass is a different permutation of
    0, ..., size - 1. All positions cost the same: nothing is buffered or skipped.

    Args:
        seed: the run's seed.
        purpose: purpose that identifies the stream.
        positions: int64 [n], positions in the stream.
        size: items per pass.

    Returns:
        int64 [n], item numbers.
    """
    passes = positions // size
    first, second = purpose_key(seed, purpose)
    # For small pools the op uses only the lowest 8 bits of each word of its key, so the
    # number of the pass is spread over all three words.
    key = [
        tf.bitwise.bitwise_xor(passes // 65536, tf.constant(first, tf.int64)),
        tf.bitwise.bitwise_xor(passes // 256, tf.constant(second, tf.int64)),
        passes,
    ]
    # The raw op: the public wrapper pads the key on the wrong axis for a vector.
    return tf.raw_ops.RandomIndexShuffle(
        index=positions % size,
        seed=tf.stack(key, axis=1),
        max_index=tf.constant(size - 1, tf.int64),
        rounds=8,
    )


def _of_rows(draw, keys: tf.Tensor, purpose: str, shape) -> tf.Tensor:
    number = tf.constant(purpose_key(0, purpose)[0], tf.int64)

    def of_row(key: Key) -> tf.Tensor:
        return draw(tf.random.experimental.stateless_fold_in(key, number), shape)

    return tf.map_fn(of_row, keys, fn_output_signature=tf.float32)
