from __future__ import annotations

import numpy as np
import tensorflow as tf
from scipy import ndimage

from mixdmt_tf.equations import (
    both_flawed_mask,
    class_error,
    dynamic_target,
    flaw_truth,
    gaussian_blur,
    handled_flaws,
)


def test_errors_by_hand():
    p = [[0.7, 0.2, 0.1]] * 2
    np.testing.assert_allclose(class_error([[1, 0, 0], [0, 0, 0]], p), [0.3, 0.5])


def test_a_blur_is_scipys_gaussian_within_its_window():
    x = np.zeros((1, 41, 41), np.float32)
    x[0, 20, 20] = 1
    got = gaussian_blur(x, 21)
    sigma = 0.3 * (10 - 1) + 0.8
    expected = ndimage.gaussian_filter(x[0], sigma, mode="mirror", radius=10)
    np.testing.assert_allclose(got[0], expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(tf.reduce_sum(got), 1, rtol=1e-5)


def test_even_windows_are_raised_and_a_window_of_one_is_none():
    x = np.random.default_rng(0).uniform(size=(2, 9, 8)).astype(np.float32)
    np.testing.assert_array_equal(gaussian_blur(x, 4), gaussian_blur(x, 5))
    for size in (0, 1):
        np.testing.assert_allclose(gaussian_blur(x, size), x)


def test_flaws_to_compare_by_hand():
    """Without blur: an image without a flaw above .1, and one with."""
    maps = np.array([[[-0.2, 0.05, 0.08, 0.02]], [[0.2, 0.4, 0.6, 0.2]]])
    expected = [[[0, 0, 0, 0]], [[0, 0.5, 1, 0]]]
    np.testing.assert_allclose(handled_flaws(maps, 15), expected, atol=1e-6)


def test_a_region_is_a_larger_flaw_than_a_pixel():
    errors = np.zeros((1, 32, 32), np.float32)
    errors[0, 4:12, 4:12], errors[0, 25, 25] = 1, 1
    truth = flaw_truth(errors, 32).numpy()[0]
    assert truth.max() == 1 == truth[7, 7] and truth.min() == 0
    assert 0.02 < truth[25, 25] < 0.5
    np.testing.assert_array_equal(flaw_truth(0 * errors, 32), 0 * errors)


def test_who_learns_from_whom_by_hand():
    left, right = [0.2, 0.7, 0.7, 0.4], [0.3, 0.8, 0.5, 0.4]
    p, q = np.eye(2)[[0] * 4], np.eye(2)[[1] * 4]
    target = dynamic_target(p, q, left, right, 0.6)
    np.testing.assert_array_equal(np.argmax(target, -1), [0, 0, 1, 0])
    target = dynamic_target(q, p, right, left, 0.6)
    np.testing.assert_array_equal(np.argmax(target, -1), [0, 1, 1, 1])
    np.testing.assert_array_equal(both_flawed_mask(left, right, 0.6), [0, 1, 0, 0])


def test_targets_and_masks_have_no_gradient():
    maps = tf.random.stateless_uniform([1, 8, 8], [1, 2])
    p = tf.nn.softmax(tf.random.stateless_normal([1, 8, 8, 3], [3, 4]))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([maps, p])
        results = [
            flaw_truth(maps, 32),
            handled_flaws(maps, 32),
            dynamic_target(p, 1 - p, maps, maps[:, ::-1], 0.6),
            both_flawed_mask(maps, maps, 0.6),
        ]
        blurred = gaussian_blur(maps, 3)
    assert [tape.gradient(each, [maps, p]) for each in results] == [[None, None]] * 4
    assert np.all(tape.gradient(blurred, maps) > 0)
