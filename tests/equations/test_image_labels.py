from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import cosine_distance, filtered_logits


def test_cosine_by_hand():
    np.testing.assert_allclose(cosine_distance([1.0, 0.0], [1.0, 1.0]), 0.292893, 1e-5)
    np.testing.assert_allclose(cosine_distance([2.0, 0.0], [-9.0, 0.0]), 2)


def test_a_vector_of_zeros_has_no_direction_and_a_finite_gradient():
    z = tf.zeros([1, 3])
    with tf.GradientTape() as tape:
        tape.watch(z)
        apart = cosine_distance(tf.ones([1, 3]), z)
    assert float(apart[0]) == 1 and np.isfinite(tape.gradient(apart, z)).all()


def test_a_class_that_is_dropped_is_not_predicted():
    logits, kept = [-1.0, -2.0, -3.0], [1, 0, 1]
    assert int(tf.argmax(filtered_logits(logits, kept))) == 0
    np.testing.assert_array_equal(filtered_logits(logits, kept, True), [-1, 0, -3])
    assert int(tf.argmax(filtered_logits(logits, kept, True))) == 1


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="kept must have the shape of logits"):
        filtered_logits(tf.zeros([4, 3]), tf.ones([3]))
