"""Random numbers of many keys at once: the published words, and TensorFlow's floats."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data import philox

# Counter, key and words of Random123's `kat_vectors`, philox4x32 with ten rounds.
KNOWN = [
    (
        [0, 0, 0, 0],
        [0, 0],
        [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8],
    ),
    (
        [0xFFFFFFFF] * 4,
        [0xFFFFFFFF] * 2,
        [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
    ),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]
SEEDS = [[0, 0], [-1, 1], [2**63 - 1, -(2**63)], [3 << 40, 5], [5, 3 << 40]]


def words(*numbers):
    return [tf.constant(each, tf.uint64) for each in numbers]


@pytest.mark.parametrize("counter, key, expected", KNOWN)
def test_the_published_words(counter, key, expected):
    assert [int(each) for each in philox.block(words(*counter), key)] == expected


def test_counters_and_keys_side_by_side():
    """All published words in one call."""
    counters, keys, expected = (np.transpose(each) for each in zip(*KNOWN))
    found = philox.block(words(*counters), words(*keys))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("number", [1, 3, 4, 5, 129])
def test_floats_are_those_of_one_key_after_the_other(number, traced):
    seeds = tf.constant(SEEDS, tf.int64)
    draw = tf.function(philox.uniform) if traced else philox.uniform
    found = draw(seeds, number)
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(
        found,
        [
            tf.random.stateless_uniform([number], seed, alg="philox")
            for seed in tf.unstack(seeds)
        ],
    )


def test_no_seeds():
    assert philox.uniform(tf.zeros([0, 2], tf.int64), 3).shape == (0, 3)
