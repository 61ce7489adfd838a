"""Guessed targets of unlabelled examples, smoothed labels of others."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import (
    guess_label,
    hard_label,
    sharpen,
    sharpen_logits,
    smooth_labels,
)

VIEWS = np.array([[[0.7, 0.2, 0.1]], [[0.1, 0.6, 0.3]]])


def test_guess_label_averages_the_views():
    """Two views of one image."""
    np.testing.assert_allclose(guess_label(VIEWS), [[0.4, 0.4, 0.2]], rtol=1e-6)


def test_guess_label_of_equal_views_is_that_view():
    """Averaging changes nothing if all agree, whatever their number."""
    p = np.array([[0.125, 0.625, 0.25]], np.float32)
    for views in (1, 2, 4):
        np.testing.assert_array_equal(guess_label(np.stack([p] * views)), p)


def test_guess_label_does_not_care_which_view_is_first():
    """Views are drawn alike."""
    np.testing.assert_array_equal(guess_label(VIEWS), guess_label(VIEWS[::-1]))


def test_guess_label_needs_an_axis_of_views():
    """One probability vector alone would be averaged over its classes."""
    with pytest.raises(ValueError, match="probs must have rank at least 2"):
        guess_label([0.7, 0.2, 0.1])


@pytest.mark.parametrize(
    ("p", "sharpened"),
    [
        ([0.5, 0.3, 0.2], [0.657895, 0.236842, 0.105263]),
        ([0.4, 0.4, 0.2], [0.444444, 0.444444, 0.111111]),
    ],
)
def test_sharpen_at_one_half(p, sharpened):
    """Squares over the sum of squares."""
    np.testing.assert_allclose(sharpen(p, 0.5), sharpened, atol=1e-6)


def test_guess_then_sharpen():
    """The whole of algorithm 2 on the two views."""
    guess = sharpen(guess_label(VIEWS), 0.5)
    np.testing.assert_allclose(guess, [[0.444444, 0.444444, 0.111111]], atol=1e-6)


@pytest.mark.parametrize("temperature", [1e-3, 0.05, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_uniform_stays_uniform(temperature, classes):
    """Powers of 1/C underflow in float32 unless they are scaled first."""
    uniform = np.full([2, classes], 1 / classes)
    np.testing.assert_allclose(sharpen(uniform, temperature), uniform, rtol=1e-6)


def test_a_row_is_scaled_by_its_own_largest_probability():
    """A sure image beside an unsure one must not make the powers of that underflow."""
    p = np.stack([np.eye(1000)[7], np.full([1000], 1e-3)])
    np.testing.assert_allclose(sharpen(p, 0.05), p, rtol=1e-6)


@pytest.mark.parametrize("temperature", [1e-3, 0.05, 0.5, 1.0, 3.0])
def test_one_hot_stays_one_hot(temperature):
    """Zero probabilities stay zero and give no NaN."""
    one_hot = np.eye(4, dtype=np.float32)
    np.testing.assert_array_equal(sharpen(one_hot, temperature), one_hot)


def test_temperature_one_changes_nothing():
    """And a temperature near 1 little."""
    p = np.array([[0.5, 0.3, 0.2], [0.98, 0.02, 0.0]])
    np.testing.assert_allclose(sharpen(p, 1.0), p, rtol=1e-6)
    np.testing.assert_allclose(sharpen(p, 1.001), p, atol=1e-3)


def test_sharpen_approaches_one_hot():
    """The lower the temperature, the surer; at the end the arg max takes all."""
    largest = [sharpen([0.5, 0.3, 0.2], t)[0] for t in (2.0, 1.0, 0.5, 0.1, 0.01)]
    assert np.all(np.diff(largest) > 0)
    np.testing.assert_allclose(sharpen([0.5, 0.3, 0.2], 0.01), [1, 0, 0], atol=1e-6)


def test_sharpen_gives_a_distribution():
    """Also from probabilities that half precision no longer lets sum to 1."""
    p = tf.cast([[0.3333, 0.3333, 0.3333], [0.9, 0.05, 0.04]], tf.bfloat16)
    np.testing.assert_allclose(tf.reduce_sum(sharpen(p, 0.5), -1), [1, 1], rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_sharpen_refuses_a_temperature_that_is_not_positive(temperature):
    """T = 0 is a limit, not a value."""
    with pytest.raises(ValueError, match="temperature must be above 0, got"):
        sharpen([0.5, 0.5], temperature)


def test_sharpen_refuses_a_scalar():
    """There is no axis of classes."""
    with pytest.raises(ValueError, match="rank at least 1"):
        sharpen(0.5, 0.5)


def test_sharpening_logits_is_sharpening():
    """Seen from behind the softmax; also where probabilities underflow to 0."""
    logits = tf.constant([[2.0, 1.0, -1.0], [0.0, 0.0, 0.0], [300.0, 0.0, -300.0]])
    for temperature in (0.4, 0.5, 1.0, 2.0):
        sharpened = tf.nn.softmax(sharpen_logits(logits, temperature))
        wanted = sharpen(tf.nn.softmax(logits), temperature)
        np.testing.assert_allclose(sharpened, wanted, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_sharpening_logits_refuses_what_sharpen_refuses(temperature):
    """A temperature that is not positive, and a scalar."""
    with pytest.raises(ValueError, match="temperature must be above 0, got"):
        sharpen_logits([0.5, 0.5], temperature)
    with pytest.raises(ValueError, match="rank at least 1"):
        sharpen_logits(0.5, 0.5)


@pytest.mark.parametrize(
    "guess",
    [guess_label, lambda p: sharpen(p, 0.5), lambda p: sharpen_logits(p, 0.5)],
)
def test_targets_stop_the_gradient(guess):
    """Nothing flows back to the predictions that the target was guessed from."""
    probs = tf.constant(VIEWS, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(probs)
        loss = tf.reduce_sum(tf.square(guess(probs)))
    assert tape.gradient(loss, probs) is None


def test_hard_label_is_the_likeliest_class():
    """Of equals the first, and of logits as of probabilities."""
    expected = [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    p = np.array([[0.2, 0.7, 0.1], [0.4, 0.4, 0.2], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(hard_label(p), expected)
    np.testing.assert_array_equal(hard_label(p * 9 - 4), expected)


def test_hard_label_is_where_sharpening_ends():
    """With a temperature near 0."""
    p = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    np.testing.assert_allclose(sharpen(p, 0.01), hard_label(p), atol=1e-6)


def test_hard_label_refuses_one_number():
    """It has no classes."""
    with pytest.raises(ValueError, match="p must have rank at least 1"):
        hard_label(0.7)


def test_smooth_labels_at_one_tenth():
    """.9 of the label and .1 shared by all classes."""
    np.testing.assert_allclose(
        smooth_labels([[0, 1, 0, 0]], 0.1), [[0.025, 0.925, 0.025, 0.025]], rtol=1e-6
    )


def test_smooth_labels_from_nothing_to_uniform():
    """Both ends, on mixed labels."""
    labels = np.array([[0.75, 0.25, 0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(smooth_labels(labels, 0.0), labels)
    np.testing.assert_allclose(smooth_labels(labels, 1.0), np.full([1, 4], 0.25))


@pytest.mark.parametrize("epsilon", [-0.1, 1.1, float("nan")])
def test_smooth_labels_refuses_shares_that_are_none(epsilon):
    """Negative labels would follow."""
    with pytest.raises(ValueError, match="epsilon must be in"):
        smooth_labels([[0.0, 1.0]], epsilon)
