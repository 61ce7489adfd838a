"""Runs data operations where they really run: inside `tf.data`."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def in_tf_data(function, *arrays):
    """What `function` makes of the arrays as one batch of a data set.

    Only the first axis is unknown while the function is traced.
    """
    rows = tf.data.Dataset.from_tensor_slices(arrays)
    (result,) = rows.batch(len(arrays[0])).map(function)
    return result


def assert_same_in_tf_data(function, *arrays):
    """Called directly and called by `tf.data`, bit for bit."""
    direct = function(*map(tf.constant, arrays))
    mapped = in_tf_data(function, *arrays)
    assert direct.dtype == mapped.dtype
    np.testing.assert_array_equal(direct, mapped)
