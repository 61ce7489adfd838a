"""Perturbations of features: known numbers, gradients, and what they are for."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import equations
from tests.oracles import perturbations


def test_noise_of_known_numbers():
    """z = 2 and n = -.3 give 1.4; the largest noise is not reached."""
    z = tf.constant([[2.0, 2.0, 2.0, 0.0]])
    noisy = equations.feature_noise(z, [[0.0, 0.5, 1.0, 0.9]])
    np.testing.assert_allclose(noisy, [[1.4, 2.0, 2.6, 0.0]], rtol=1e-6)


def test_drop_of_known_numbers():
    """Means of [[1, 2], [3, 4]], a share of .8: only what is below 3.2 stays."""
    means = np.array([[1.0, 2.0], [3.0, 4.0]])
    z = np.stack([means - 1, means + 1], -1)[None].astype(np.float32)
    dropped = equations.feature_drop(z, [0.8]).numpy()
    np.testing.assert_array_equal(dropped.any(-1), [[[True, True], [True, False]]])
    np.testing.assert_array_equal(dropped[0, 1, 0], z[0, 1, 0])


def test_every_image_has_its_own_largest_activation():
    z = tf.constant([[[[1.0], [0.1]]], [[[10.0], [9.5]]]])
    dropped = equations.feature_drop(z, [0.5, 0.5])
    np.testing.assert_allclose(dropped[:, 0, :, 0], [[0, 0.1], [0, 0]])


def test_dropout_keeps_the_mean():
    rng = np.random.default_rng(0)
    z = tf.ones([50, 2, 2, 100])
    for rate in (0.0, 0.5, 0.8):
        uniforms = rng.random([50, 100], np.float32)
        dropped = equations.spatial_dropout(z, uniforms, rate).numpy()
        assert dropped.mean() == pytest.approx(1, abs=0.07)
        assert (dropped == 0).mean() == pytest.approx(rate, abs=0.03)
        assert (dropped == dropped[:, :1, :1]).all()  # whole channels
    with pytest.raises(ValueError, match="rate"):
        equations.spatial_dropout(z, uniforms, 1.0)


def test_masks_shrink_with_corners_on_corners():
    """Of 5 pixels the features of stride 2 lie on the first, third and fifth."""
    mask = np.zeros([1, 5, 9], np.float32)
    mask[0, ::2, ::4] = 1
    z = tf.ones([1, 3, 3, 2])
    np.testing.assert_array_equal(equations.masked_features(z, mask), z)
    np.testing.assert_array_equal(equations.masked_features(z, 1 - mask), 0 * z)


def test_the_most_frequent_class_stands_for_a_background():
    labels = np.array([[[0, 1, 1], [2, 1, 1]], [[3, 3, 0], [0, 0, 3]]])
    scores = np.eye(4)[labels]
    np.testing.assert_array_equal(equations.foreground(scores), labels > 0)
    np.testing.assert_array_equal(equations.foreground(scores, 2), labels != 2)
    frequent = [labels[0] != 1, labels[1] != 0]  # a tie: the first class
    np.testing.assert_array_equal(equations.foreground(scores, -1), frequent)


def test_gradients_pass_through_features_and_not_through_masks():
    """What stays is learned through; nothing is learned of what to leave out."""
    z = tf.constant(np.random.default_rng(1).random([2, 3, 4, 2]), tf.float32)
    share, uniforms = tf.constant([0.7, 0.8]), tf.zeros([2, 3, 4, 2])
    mask = tf.ones([2, 6, 8])
    with tf.GradientTape() as tape:
        tape.watch([z, share, mask])
        dropped = equations.feature_drop(z, share)
        masked = equations.masked_features(z, mask)
        noisy = equations.feature_noise(z, uniforms)
        total = tf.reduce_sum(dropped + masked + noisy)
    of_z, of_share, of_mask = tape.gradient(total, [z, share, mask])
    kept = (dropped.numpy() != 0).astype(np.float32)
    assert 0 < kept.mean() < 1
    np.testing.assert_allclose(of_z, kept + 1.0 + 0.7, rtol=1e-6)
    assert of_share is None and of_mask is None
    with tf.GradientTape() as tape:
        tape.watch(z)
        guided = equations.foreground(z)
    assert tape.gradient(guided, z) is None


def test_box_of_known_numbers():
    """100 x 50 (width x height): 40 x 20 erased, from 0 to 60 and from 0 to 30."""
    places = [np.linspace(0, 0.999, 40), np.linspace(0, 0.999, 80)]
    uniforms = np.stack(np.meshgrid(*places), -1).reshape(-1, 1, 2)
    boxes = np.broadcast_to([3, 7, 50, 100], (len(uniforms), 1, 4))
    corners = set()
    for mask in equations.cutout_mask(boxes, uniforms, 60, 120).numpy():
        rows, columns = np.argwhere(mask == 0).T
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 40)
        assert len(rows) == 800
        corners.add((rows.min() - 3, columns.min() - 7))
    downs, rights = zip(*corners)
    assert set(downs) == set(range(31)) and set(rights) == set(range(61))


@pytest.mark.parametrize("outline", [0, 3, 8])
def test_boxes_around_objects_equal_the_oracle(outline):
    rng = np.random.default_rng(outline)
    masks = np.repeat(np.repeat(rng.random([4, 7, 9]) < 0.3, 2, 1), 2, 2)
    found = equations.object_boxes(masks, outline)
    assert found.shape == (4, 32, 4) and found.dtype == np.int32
    for mask, boxes in zip(masks, found):
        expected = perturbations.object_boxes(mask, outline)
        assert 0 < len(expected) < 32
        np.testing.assert_array_equal(boxes[: len(expected)], expected)
        assert not boxes[len(expected) :].any()


def test_the_longest_outlines_come_first_and_no_more_than_the_limit():
    mask = np.zeros([1, 20, 20])
    mask[0, 0:2, 0:2] = mask[0, 5:15, 5:15] = mask[0, 17:20, 17:20] = 1
    boxes = equations.object_boxes(mask, 0, limit=2)
    np.testing.assert_array_equal(boxes, [[[5, 5, 9, 9], [17, 17, 2, 2]]])
    assert not equations.object_boxes(mask, 36).any()  # 36 pixels of outline
    assert equations.object_boxes(mask, 35)[0].any(-1).sum() == 1
    assert not equations.object_boxes(np.zeros([2, 5, 5])).any()
