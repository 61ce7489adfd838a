"""Random numbers that depend on nothing but their key.

Every draw of the data path is keyed by the run's seed, a purpose, and the global step
(or an image's number). No generator has a state, so a batch can be asked for out of
order, on any replica and after any restart, and is the same batch.
"""

from __future__ import annotations

import hashlib
from typing import Tuple

import numpy as np
import tensorflow as tf

Key = tf.Tensor  # int64 [2]


def purpose_key(seed: int, purpose: str) -> Tuple[int, int]:
    """Two 31-bit numbers for one seed and one purpose, independent of all others."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    mask = 0x7FFFFFFF
    return (
        int.from_bytes(digest[:4], "little") & mask,
        int.from_bytes(digest[4:8], "little") & mask,
    )


def step_key(seed: int, purpose: str, step: tf.Tensor) -> Key:
    """The key of one purpose at one step: int64 [2]."""
    first, second = purpose_key(seed, purpose)
    base = tf.constant([first, second], tf.int64)
    return tf.random.experimental.stateless_fold_in(base, tf.cast(step, tf.int64))


def row_keys(seed: int, purpose: str, step: tf.Tensor, rows: int) -> tf.Tensor:
    """A key for each row of a batch, for who draws its numbers later: int64 [rows, 2].

    Those of fewer rows are not the first of more.
    """
    return tf.random.experimental.stateless_split(step_key(seed, purpose, step), rows)


def uniform_rows(keys: tf.Tensor, purpose: str, shape) -> tf.Tensor:
    """float32 draws from [0, 1) for each row: [n, *shape].

    A row's numbers depend on its key, the purpose and the shape, and not on which rows
    are beside it.

    Args:
        keys: int64 [n, 2] from `row_keys`.
        purpose: what for; another one gives other numbers.
        shape: of one row's numbers.
    """
    return _of_rows(uniform, keys, purpose, shape)


def normal_rows(keys: tf.Tensor, purpose: str, shape) -> tf.Tensor:
    """The same of the standard normal distribution; arguments of `uniform_rows`."""
    return _of_rows(normal, keys, purpose, shape)


def uniform(key: Key, shape) -> tf.Tensor:
    """float32 draws from [0, 1); the same on every device (Philox).

    Of the same key XLA draws others, in steps that it compiles; batches are not drawn
    in these.
    """
    return tf.random.stateless_uniform(shape, key, alg="philox")


def normal(key: Key, shape) -> tf.Tensor:
    """float32 draws from the standard normal distribution."""
    return tf.random.stateless_normal(shape, key, alg="philox")


def beta(key: Key, shape, parameter: float) -> tf.Tensor:
    """float32 draws from Beta(parameter, parameter).

    Made of two Gamma draws. When the parameter is tiny both can be too small for
    float64, and TensorFlow returns the smallest number; the limit of Beta is then a
    fair coin between 0 and 1.
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
    """A uniformly random permutation of 0, ..., size - 1: int32 [size]."""
    return tf.argsort(uniform(key, [size]), stable=True)


def shuffled(seed: int, purpose: str, positions: tf.Tensor, size: int) -> tf.Tensor:
    """The items at these positions of an endless stream of reshuffled passes.

    Position p lies in pass p // size; every pass is another permutation of 0, ...,
    size - 1. Any position costs the same, so nothing is buffered or skipped.

    Args:
        seed: the run's seed.
        purpose: which stream.
        positions: int64 [n], positions in the stream.
        size: items per pass.

    Returns:
        int64 [n], item numbers.
    """
    passes = positions // size
    first, second = purpose_key(seed, purpose)
    # For small pools the op looks at the lowest 8 bits of each word of its key only, so
    # the number of the pass is spread over all three.
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
