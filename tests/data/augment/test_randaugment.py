"""RandAugment."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.augment import randaugment as module
from mixdmt_tf.data.augment import ranges
from mixdmt_tf.data.augment.randaugment import UDA, UNIFORMS, drawn, randaugment
from tests.data.augment import examples
from tests.data.classification.graphs import assert_same_in_tf_data
from tests.oracles import image_operations as oracle

POLICIES = {
    "uda": module.UDA,
    "fixmatch": module.FIXMATCH,
    "dmt": module.DMT,
    "dmt as released": module.DMT_AS_RELEASED,
}
EVERY_POLICY = pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))


@pytest.mark.parametrize("channels", [1, 3])
def test_uda_equals_pillow_in_a_loop(channels):
    """To the pixel, through both operations and Cutout, fed with the same numbers."""
    images = examples.noise(600, (32, 32, channels))
    uniforms = examples.uniforms(600, UNIFORMS)

    result = randaugment(images, uniforms).numpy()

    np.testing.assert_array_equal(result, oracle.uda(images, uniforms))


@pytest.mark.parametrize(
    "policy, loop",
    [
        (module.UDA, oracle.uda),
        (module.DMT_AS_RELEASED, oracle.dmt_as_released),
    ],
    ids=["uda", "dmt as released"],
)
def test_equals_pillow_on_photographs(policy, loop):
    """That are not square."""
    images = np.repeat(examples.photographs(), 20, 0)
    uniforms = examples.uniforms(len(images), policy.uniforms, 3)

    result = randaugment(images, uniforms, policy).numpy()

    np.testing.assert_array_equal(result, loop(images, uniforms))


def parameters_of(policy, count, seed=0):
    """What is drawn first for `count` images of 32 x 32."""
    uniforms = examples.uniforms(count, module.PER_OPERATION, seed)
    images = np.zeros((count, 32, 32, 3), np.uint8)
    return [np.asarray(values) for values in drawn(policy, uniforms, images)]


@EVERY_POLICY
def test_operations_are_equally_likely(policy):
    """200 expected of each: standard deviation 14."""
    kinds = len(policy.ranges)
    chosen, _, _ = parameters_of(policy, 200 * kinds)

    counts = np.bincount(chosen, minlength=kinds)
    assert len(counts) == kinds
    assert counts.min() > 140 and counts.max() < 260


@EVERY_POLICY
def test_coin(policy):
    """UDA applies half of the operations, the others all of them."""
    _, _, applied = parameters_of(policy, 2000)

    if policy is UDA:
        assert 900 < applied.sum() < 1100
    else:
        assert applied.all()


@EVERY_POLICY
def test_magnitudes_span_their_range(policy):
    """Both ends, both signs, and everything that is between."""
    chosen, values, _ = parameters_of(policy, 400 * len(policy.ranges))
    first, last = policy.levels or (0, 10)

    for place, row in enumerate(policy.ranges):
        made = values[chosen == place]
        ends = np.array([place] * 2), np.array([first, last], "f"), np.zeros(2, bool)
        image = np.zeros((2, 32, 32, 3), np.uint8)
        low, high = sorted(ranges.parameters(policy.ranges, *ends, image).numpy())
        sizes = np.abs(made)
        tolerance = 0.05 * (high - low) + (row.name == "posterize")
        assert low - 1e-6 <= sizes.min() <= low + tolerance
        assert high - tolerance <= sizes.max() <= high + 1e-6
        if row.signed:
            assert 0.4 < (made < 0).mean() < 0.6 or high == 0
        if policy.levels and row.name in ("color", "shear_x"):
            counts = np.unique(sizes, return_counts=True)[1]
            assert len(counts) == last - first + 1
            assert counts.min() > 0.5 * counts.mean()


@EVERY_POLICY
def test_images_do_not_depend_on_each_other(policy):
    """Any order and any selection gives the same images, bit by bit."""
    images = np.repeat(examples.photographs(), 6, 0)
    uniforms = examples.uniforms(len(images), policy.uniforms)
    together = randaugment(images, uniforms, policy).numpy()
    random = np.random.RandomState(1)

    for rows in (random.permutation(144), random.permutation(144)[:37], [11]):
        part = randaugment(images[rows], uniforms[rows], policy)
        np.testing.assert_array_equal(part, together[rows])


@EVERY_POLICY
def test_same_numbers_same_picture_others_another(policy):
    image = np.repeat(examples.photographs()[:1], 64, 0)
    numbers = examples.uniforms(64, policy.uniforms)

    first, again = (randaugment(image, numbers, policy).numpy() for _ in range(2))

    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first.reshape(64, -1), axis=0)) > 30


def test_probability_zero_leaves_images_as_they_are():
    policy = dataclasses.replace(UDA, probability=0.0, cutout=0.0)
    images, uniforms = examples.noise(50), examples.uniforms(50, UNIFORMS)
    uniforms[0] = 0

    np.testing.assert_array_equal(randaugment(images, uniforms, policy), images)


def test_identity_leaves_images_as_they_are():
    """Also without any Cutout."""
    policy = module.Policy(ranges.named(ranges.RELEASED, "identity"), count=3)
    images, uniforms = examples.noise(50), examples.uniforms(50, policy.uniforms)

    np.testing.assert_array_equal(randaugment(images, uniforms, policy), images)


@pytest.mark.parametrize("size, expected", [((32, 32), 16), ((20, 30), 10)])
def test_cutout_takes_half_of_the_side(size, expected):
    """In the middle; the number of rows and columns."""
    policy = dataclasses.replace(UDA, probability=0.0)
    uniforms = np.full((1, UNIFORMS), 0.5, np.float32)

    (image,) = randaugment(np.zeros((1, *size, 3), np.uint8), uniforms, policy).numpy()

    assert set(np.unique(image)) == {0, 127}
    assert (image == 127).any((1, 2)).sum() == expected
    assert (image == 127).any((0, 2)).sum() == expected


@EVERY_POLICY
@pytest.mark.parametrize("number", [0.0, examples.LARGEST])
def test_smallest_and_largest_numbers(policy, number):
    """They are the first and the last operation; nothing is out of range."""
    images = examples.photographs()[:2]
    uniforms = np.full((2, policy.uniforms), number, np.float32)

    chosen, values, _ = drawn(policy, uniforms, images)

    assert chosen[0] == (0 if number == 0 else len(policy.ranges) - 1)
    assert np.isfinite(values).all()
    assert randaugment(images, uniforms, policy).shape == images.shape


@pytest.mark.parametrize("count", [1, 3, 14, 15, 16, 25, 1000])
def test_one_of(count):
    """Whole numbers below the count, the last one for the largest number."""
    made = module.one_of(count, np.array([0, examples.LARGEST], np.float32)).numpy()
    assert made.tolist() == [0, count - 1]
    every = module.one_of(count, (np.arange(count, dtype="f") + 0.5) / count)
    assert every.numpy().tolist() == list(range(count))


@EVERY_POLICY
def test_same_inside_tf_data(policy):
    function = functools.partial(randaugment, policy=policy)
    uniforms = examples.uniforms(200, policy.uniforms)

    assert_same_in_tf_data(function, examples.noise(200), uniforms)


def test_size_need_not_be_known():
    """Traced once for batches and images of any size."""
    specs = [
        tf.TensorSpec([None, None, None, 3], tf.uint8),
        tf.TensorSpec([None, UNIFORMS], tf.float32),
    ]
    traced = tf.function(randaugment, specs)

    for shape in [(17, 19, 3), (12, 25, 3)]:
        images, uniforms = examples.noise(30, shape), examples.uniforms(30, UNIFORMS)
        direct = randaugment(images, uniforms)
        np.testing.assert_array_equal(traced(images, uniforms), direct)
