"""A batch of label maps in parts, each with its own number of pixels that count."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts.gradient_sums import GradientSums
from tests.algorithms.segmentation import batches, test_frozen
from tests.conformance.test_accumulation import require_equal, step_in_parts


def parts_of(method, step, size=batches.SIZE):
    """Two batches; of the second one the lower half has no labels."""
    first, second = (
        batches.batch_for(method, step=step, seed=2 * step + n, size=size)
        for n in (0, 1)
    )
    for name in {"y", batches.judged_by(method)} & {*second}:
        ignored = batches.ignoring(second, name)[name]
        lower = tf.range(size[0])[:, None] >= size[0] // 2
        second[name] = tf.where(lower, ignored, second[name])
    known = [int(tf.reduce_sum(int_of(part["y"]))) for part in (first, second)]
    assert 0 < 1.3 * known[1] < known[0]
    return [first, second]


def int_of(labels):
    return tf.cast(labels != batches.IGNORED, tf.int32)


def require_parts_equal(whole, parted, size=batches.SIZE):
    sums = GradientSums()
    for step in range(2):
        parts = parts_of(whole, step, size)
        whole.train_step(batches.merge(*parts))
        step_in_parts(parted, sums, parts)
    require_equal(whole, parted, rtol=1e-4, atol=1e-6)


# One mask; pixels of labels and pseudo labels in one; one for each of two terms; two
# groups of weights, one of which learns both kinds of pixels; a mean of many terms.
@pytest.mark.parametrize(
    "name", ["supervised", "dmt", "mean_teacher", "adversarial", "gct"]
)
def test_two_parts_equal_the_whole(name):
    whole, parted = (batches.plain(name, "rows") for _ in range(2))
    for method in (whole, parted):
        method.compile(keras.optimizers.SGD(0.5))
    require_parts_equal(whole, parted)


def test_two_parts_equal_the_whole_with_batch_normalization_held_still():
    """A network with published weights, as it is trained on small accelerators."""
    whole, parted = (test_frozen.build("supervised", "deeplab_v2") for _ in range(2))
    parted.network.set_weights(whole.network.get_weights())
    for method in (whole, parted):
        method.compile(keras.optimizers.SGD(0.1))
        method.weights_replaced()
    require_parts_equal(whole, parted, test_frozen.SIZE)
