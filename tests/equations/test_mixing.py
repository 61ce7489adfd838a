"""MixUp and interleaving."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import interleave, interpolate, mix


def test_mix_of_known_numbers():
    """A lam of 0.2 acts as 0.8: the own example always weighs more."""
    own, partner = [[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]
    mixed = mix(own, partner, [0.2, 0.9])
    np.testing.assert_allclose(mixed, [[0.8, 0.2], [0.9, 0.1]], rtol=1e-6)


def test_interpolation_of_known_numbers():
    """A lam of 0.2 leaves a fifth of the own example."""
    own, partner = [[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]
    mixed = interpolate(own, partner, [0.2, 0.9])
    np.testing.assert_allclose(mixed, [[0.2, 0.8], [0.9, 0.1]], rtol=1e-6)


def test_mix_broadcasts_lam_over_the_last_axes():
    """One lam for each image; with B = H = W = C a wrong axis would go unnoticed."""
    own, partner, lam = (
        np.ones([4, 4, 4, 4]),
        np.zeros([4, 4, 4, 4]),
        [0.6, 0.7, 0.8, 1],
    )
    mixed = mix(own, partner, lam)
    for b in range(4):
        np.testing.assert_allclose(mixed[b], np.full([4, 4, 4], lam[b]), rtol=1e-6)


def test_mix_with_one_lam_for_the_batch():
    """A scalar, as DMT draws it."""
    np.testing.assert_allclose(mix([1.0, 2.0], [3.0, 6.0], 0.75), [1.5, 3.0])


def test_mix_of_an_example_with_itself():
    """Changes nothing."""
    x = np.random.default_rng(0).normal(size=[5, 3])
    np.testing.assert_allclose(mix(x, x, np.linspace(0, 1, 5)), x, rtol=1e-6)


def test_mix_is_the_same_for_lam_and_its_complement():
    """That is what lam' = max(lam, 1 - lam) means."""
    rng = np.random.default_rng(0)
    own, partner, lam = *rng.normal(size=[2, 5, 3]), rng.uniform(size=5)
    mirrored = mix(own, partner, 1 - lam)
    np.testing.assert_allclose(mix(own, partner, lam), mirrored, rtol=1e-5)


@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_mix_without_mixing(lam):
    """Both ends give the own example, exactly."""
    own = np.array([[0.1, 0.9]], np.float32)
    np.testing.assert_array_equal(mix(own, [[0.7, 0.3]], [lam]), own)


def test_mixed_labels_are_distributions():
    """Their rows still sum to 1."""
    labels = np.eye(3)[[0, 1, 2, 1]]
    mixed = mix(labels, labels[::-1], [0.1, 0.5, 0.7, 1.0])
    np.testing.assert_allclose(tf.reduce_sum(mixed, axis=1), np.ones(4), rtol=1e-6)


def test_mix_lets_the_gradient_through():
    """The own example gets lam', the partner 1 - lam'."""
    own, partner = tf.constant([[1.0, 2.0]]), tf.constant([[5.0, 6.0]])
    with tf.GradientTape() as tape:
        tape.watch([own, partner])
        mixed = mix(own, partner, [0.25])
    gradients = tape.gradient(mixed, [own, partner])
    np.testing.assert_allclose(gradients, [[[0.75, 0.75]], [[0.25, 0.25]]])


@pytest.mark.parametrize("lam", [np.ones([3]), np.ones([4, 1]), np.ones([4, 2, 1])])
def test_mix_refuses_a_lam_of_other_axes(lam):
    """Only the first axes of own count; [4, 1] is not a column here."""
    with pytest.raises(
        ValueError, match=r"lam must have the first axes of own, \(4, 2"
    ):
        mix(np.ones([4, 2]), np.ones([4, 2]), lam)


def test_mix_refuses_different_shapes():
    """Images and labels mixed up, or a batch cut short."""
    with pytest.raises(ValueError, match="partner must have the shape of own"):
        mix(np.ones([4, 2]), np.ones([1, 2]), np.ones([4]))


def rows(letter, count):
    """Return a batch whose rows can be told apart: x0, x1, ..."""
    return tf.constant([f"{letter}{i}" for i in range(count)])


def names(batches):
    """Return the rows of each batch as one line."""
    return [" ".join(row.decode() for row in batch.numpy()) for batch in batches]


def test_interleave_seven_rows_of_three_batches():
    """Cuts at 0, 2, 4, 7; the labelled batch ends with rows of both others."""
    assert names(interleave([rows("x", 7), rows("u", 7), rows("v", 7)])) == [
        "x0 x1 u2 u3 v4 v5 v6",
        "u0 u1 x2 x3 u4 u5 u6",
        "v0 v1 v2 v3 x4 x5 x6",
    ]


@pytest.mark.parametrize(
    ("count", "n", "cuts"),
    [
        (64, 3, [0, 21, 42, 64]),
        (7, 3, [0, 2, 4, 7]),
        (10, 4, [0, 2, 4, 7, 10]),
        (2, 3, [0, 0, 1, 2]),
        (5, 1, [0, 5]),
    ],
)
def test_interleave_cuts(count, n, cuts):
    """Where batch 0 changes from one source to the next; late blocks are longer."""
    batches = [tf.fill([count], g) for g in range(n)]
    sources = np.repeat(np.arange(n), np.diff(cuts))
    np.testing.assert_array_equal(interleave(batches)[0], sources)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 4, 7, 64])
def test_interleave_twice_is_nothing(n, count):
    """The same call brings the logits back into order."""
    batches = [rows(letter, count) for letter in "xuvwz"[:n]]
    assert names(interleave(interleave(batches))) == names(batches)


def test_interleave_loses_no_row():
    """Every row is somewhere, once."""
    batches = [rows(letter, 11) for letter in "xuv"]
    before, after = tf.concat(batches, 0), tf.concat(interleave(batches), 0)
    assert sorted(after.numpy()) == sorted(before.numpy())


def test_interleave_keeps_what_is_known_of_the_shape():
    """A network after it must still find static sizes."""

    @tf.function(input_signature=[tf.TensorSpec([8, 4, 4, 3])] * 3)
    def shapes(*batches):
        assert [batch.shape for batch in interleave(batches)] == [[8, 4, 4, 3]] * 3
        return 0

    shapes.get_concrete_function()


def test_interleave_lets_the_gradient_through():
    """Each row's gradient goes back to where the row came from."""
    x, u = tf.zeros([4]), tf.zeros([4])
    with tf.GradientTape() as tape:
        tape.watch([x, u])
        first, second = interleave([x, u])
        loss = tf.reduce_sum(first * [1.0, 2, 3, 4]) + tf.reduce_sum(second * 9)
    gradients = tape.gradient(loss, [x, u])
    np.testing.assert_array_equal(gradients, [[1, 2, 9, 9], [9, 9, 3, 4]])


def test_interleave_refuses_unequal_batches():
    """The message names the batch that does not fit."""
    with pytest.raises(
        ValueError, match=r"batches\[2\] must .* \(4, 2\), got \(5, 2\)"
    ):
        interleave([tf.zeros([4, 2]), tf.zeros([4, 2]), tf.zeros([5, 2])])
    with pytest.raises(ValueError, match="at least one batch"):
        interleave([])
