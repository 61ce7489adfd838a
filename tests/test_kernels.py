"""What `conftest.py` relies on: random numbers do not depend on other tests."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.kernels import kept_kernels


def drawn(seed):
    with kept_kernels():
        tf.random.set_seed(seed)
    return tf.random.uniform([4]).numpy()


def test_a_kernel_that_is_kept_goes_on_and_another_seed_has_another_one():
    tf.random.set_seed(1)  # forgets all kernels
    first, other = drawn(10), drawn(11)
    assert (drawn(10) != first).all()  # kept, with its state
    tf.random.set_seed(1)
    # Whatever was drawn before with other seeds.
    np.testing.assert_array_equal(drawn(11), other)
    np.testing.assert_array_equal(drawn(10), first)
