"""AutoAugment."""

import dataclasses
import functools

import numpy as np
import pytest

from mixdmt_tf.data.augment import autoaugment as module
from mixdmt_tf.data.augment.autoaugment import UNIFORMS, autoaugment
from tests.data.augment import examples
from tests.data.classification.graphs import assert_same_in_tf_data
from tests.oracles import image_operations as oracle

POLICIES = {"cifar10": module.CIFAR10, "svhn": module.SVHN}
EVERY_POLICY = pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))

# Counted in the paper's tables: per operation how often it occurs, and the sums of its
# probabilities (in tenths) and of its magnitudes, where it has any.
CIFAR10_SUMS = {
    "autocontrast": (7, 50, 0),
    "brightness": (4, 23, 25),
    "color": (5, 29, 27),
    "contrast": (2, 8, 13),
    "equalize": (9, 47, 0),
    "invert": (3, 2, 0),
    "posterize": (1, 3, 7),
    "rotate": (1, 7, 2),
    "sharpness": (5, 28, 24),
    "shear_y": (2, 7, 15),
    "solarize": (4, 19, 18),
    "translate_x": (2, 8, 17),
    "translate_y": (5, 34, 39),
}
SVHN_SUMS = {
    "autocontrast": (3, 23, 0),
    "contrast": (1, 3, 3),
    "equalize": (6, 39, 0),
    "invert": (12, 76, 0),
    "rotate": (4, 34, 14),
    "shear_x": (6, 42, 29),
    "shear_y": (8, 61, 51),
    "solarize": (5, 22, 25),
    "translate_x": (1, 9, 3),
    "translate_y": (4, 20, 18),
}


@pytest.mark.parametrize(
    "policy, sums", [(module.CIFAR10, CIFAR10_SUMS), (module.SVHN, SVHN_SUMS)]
)
def test_tables(policy, sums):
    """25 sub-policies of two operations, with the sums of the paper's table."""
    assert [len(row) for row in policy.sub_policies] == [2] * 25
    counted = {}
    for name, probability, magnitude in sum(policy.sub_policies, ()):
        count, tenths, levels = counted.get(name, (0, 0, 0))
        assert 0 <= probability <= 1 and 0 <= magnitude <= 9
        tenths += round(10 * probability)
        counted[name] = (count + 1, tenths, levels + magnitude)
    assert counted == sums


def test_some_sub_policies():
    """First and last of the paper's tables."""
    cifar10, svhn = module.CIFAR10.sub_policies, module.SVHN.sub_policies
    assert cifar10[0] == (("invert", 0.1, 0), ("contrast", 0.2, 6))
    assert cifar10[-1] == (("translate_y", 0.7, 9), ("autocontrast", 0.9, 0))
    assert svhn[0] == (("shear_x", 0.9, 4), ("invert", 0.2, 0))
    assert svhn[-1] == (("shear_x", 0.7, 2), ("invert", 0.1, 0))


@EVERY_POLICY
@pytest.mark.parametrize("shape", [(32, 32, 3), (32, 32, 1), (24, 40, 3)])
def test_equals_pillow_in_a_loop(policy, shape):
    """To the pixel, through both operations and Cutout, fed with the same numbers."""
    images = examples.noise(400, shape)
    uniforms = examples.uniforms(400, UNIFORMS)

    result = autoaugment(images, uniforms, policy).numpy()

    expected = oracle.autoaugment(images, uniforms, policy.sub_policies)
    np.testing.assert_array_equal(result, expected)


def test_cifar10_is_the_default():
    images, uniforms = examples.noise(100), examples.uniforms(100, UNIFORMS)

    default = autoaugment(images, uniforms)

    np.testing.assert_array_equal(
        default, autoaugment(images, uniforms, module.CIFAR10)
    )
    assert (default != autoaugment(images, uniforms, module.SVHN)).numpy().any()


def test_sub_policies_are_equally_likely():
    """Told apart by their shift; 200 expected of each, standard deviation 14."""
    rows = tuple((("translate_x", 1.0, i), ("invert", 0.0, 0)) for i in range(10))
    policy = module.Policy(rows, cutout=0.0)
    ramp = np.tile(np.arange(32, dtype=np.uint8)[None, None, :, None], (2000, 2, 1, 1))

    images = autoaugment(ramp, examples.uniforms(2000, UNIFORMS), policy).numpy()

    shifts = images[:, 0, 15, 0].astype(int) - 15
    # 10 of 32 pixels at magnitude 10, to either side.
    counts = np.bincount(np.abs(shifts), minlength=10)
    assert len(counts) == 10 and counts.min() > 140 and counts.max() < 260
    assert 800 < (shifts < 0).sum() < 1000  # nine of ten move, half of them so


@EVERY_POLICY
def test_images_do_not_depend_on_each_other(policy):
    """Any order and any selection gives the same images, bit by bit."""
    images = np.repeat(examples.photographs(), 6, 0)
    uniforms = examples.uniforms(len(images), UNIFORMS)
    together = autoaugment(images, uniforms, policy).numpy()
    random = np.random.RandomState(1)

    for rows in (random.permutation(144), random.permutation(144)[:37], [11]):
        part = autoaugment(images[rows], uniforms[rows], policy)
        np.testing.assert_array_equal(part, together[rows])


def test_probabilities():
    """0 never, 1 always, also for the smallest and the largest number."""
    images = examples.noise(3)
    uniforms = examples.uniforms(3, UNIFORMS)
    uniforms[0], uniforms[1] = 0, examples.LARGEST

    for first, second in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        row = (("invert", first, 0), ("invert", second, 0))
        policy = module.Policy((row,), cutout=0.0)
        expected = images if first == second else 255 - images
        np.testing.assert_array_equal(autoaugment(images, uniforms, policy), expected)


def test_no_cutout_unless_asked_for():
    images, uniforms = examples.flat(20), examples.uniforms(20, UNIFORMS)
    uniforms[:, [1, 3]] = examples.LARGEST  # no operation is applied
    without = dataclasses.replace(module.CIFAR10, cutout=0.0)

    np.testing.assert_array_equal(autoaugment(images, uniforms, without), images)
    assert (autoaugment(images, uniforms).numpy() != images).any()


@EVERY_POLICY
def test_same_inside_tf_data(policy):
    function = functools.partial(autoaugment, policy=policy)

    assert_same_in_tf_data(
        function, examples.noise(200), examples.uniforms(200, UNIFORMS)
    )
