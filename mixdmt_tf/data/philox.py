"""Philox random numbers of many keys at once.

`tf.random.stateless_uniform` takes one key. Numbers of many keys, such as one for each
image, need a loop over it, which takes some 30 microseconds a key. The functions here
compute the same bits for all keys in the same few operations.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC
2011), Philox-4x32 with ten rounds; how TensorFlow makes its key and counter of a seed,
and floats of the bits: `tensorflow/core/kernels/stateless_random_ops.cc` and
`tensorflow/core/lib/random/random_distributions.h`.
"""

from __future__ import annotations

from typing import List, Sequence, Tuple

import tensorflow as tf

ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_SEED_KEY = (0x3EC8F720, 0x02461E29)  # TensorFlow's, to scramble seeds
_LOW = 0xFFFFFFFF
_MANTISSA, _ONE = 0x7FFFFF, 0x3F800000  # of float32


def uniform(seeds: tf.Tensor, number: int) -> tf.Tensor:
    """Draws from [0, 1), for each seed as `tf.random.stateless_uniform` does.

    Args:
        seeds: int64 [n, 2].
        number: numbers of each seed.

    Returns:
        float32 [n, number]; row i is that of
        `tf.random.stateless_uniform([number], seeds[i], alg="philox")`, bit for bit.
    """
    mixed = block([*_halves(seeds[:, 0]), *_halves(seeds[:, 1])], _SEED_KEY)
    blocks = -(-number // 4)
    key_low, key_high, third, fourth = (each[:, None] for each in mixed)
    first = tf.range(blocks, dtype=tf.int64)[None]
    counter = [tf.cast(first, tf.uint64) + tf.zeros_like(third)]
    counter += [tf.zeros_like(counter[0]), third, fourth]
    words = tf.stack(block(counter, (key_low, key_high)), axis=-1)
    words = tf.reshape(words, [-1, 4 * blocks])[:, :number]
    floats = tf.bitwise.bitwise_or(_and(words, _MANTISSA), _word(_ONE))
    return tf.bitcast(tf.cast(floats, tf.uint32), tf.float32) - 1.0


def block(counter: Sequence[tf.Tensor], key: Sequence) -> List[tf.Tensor]:
    """Returns the four 32-bit words of each counter and key.

    Args:
        counter: four uint64 tensors of values below 2^32.
        key: two such tensors or numbers, which broadcast against them.

    Returns:
        Four uint64 tensors of values below 2^32.
    """
    words, xor = list(counter), tf.bitwise.bitwise_xor
    keys = [tf.convert_to_tensor(each, tf.uint64) for each in key]
    for number in range(ROUNDS):
        if number:
            keys = [_and(each + _word(step), _LOW) for each, step in zip(keys, _WEYL)]
        products = [
            each * _word(factor) for each, factor in zip(words[::2], _MULTIPLIERS)
        ]
        (low, high), (other_low, other_high) = map(_parts, products)
        words = [
            xor(xor(other_high, words[1]), keys[0]),
            other_low,
            xor(xor(high, words[3]), keys[1]),
            low,
        ]
    return words


def _halves(numbers: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    """Splits int64 into its lower and upper 32 bits, uint64."""
    return _parts(tf.bitcast(numbers, tf.uint64))


def _parts(numbers: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    return _and(numbers, _LOW), tf.bitwise.right_shift(numbers, _word(32))


def _and(numbers: tf.Tensor, mask: int) -> tf.Tensor:
    return tf.bitwise.bitwise_and(numbers, _word(mask))


def _word(number: int) -> tf.Tensor:
    return tf.constant(number, tf.uint64)
