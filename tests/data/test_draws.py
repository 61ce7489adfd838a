"""Random numbers that depend on nothing but their key."""

import hashlib

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data import draws
from tests.data.classification.graphs import in_tf_data

KEY = draws.step_key(7, "x", 1000)


def positions(start, stop):
    return tf.range(start, stop, dtype=tf.int64)


def passes(count, size, seed=0, purpose="labeled"):
    """The first passes of a shuffled stream, one a row."""
    items = draws.shuffled(seed, purpose, positions(0, count * size), size)
    return items.numpy().reshape(count, size)


def test_purpose_keys_come_from_sha256():
    digest = hashlib.sha256(b"7/mixup").digest()
    expected = tuple(np.frombuffer(digest[:8], "<u4") & 0x7FFFFFFF)

    assert draws.purpose_key(7, "mixup") == expected


def test_every_seed_purpose_and_step_has_its_own_key():
    keys = {
        tuple(draws.step_key(seed, purpose, step).numpy())
        for seed in range(3)
        for purpose in ("x", "u0", "u1", "mixup")
        for step in (0, 1, 1000, 2**40)
    }
    drawn = {draws.uniform(tf.constant(key), []).numpy() for key in keys}

    assert len(keys) == len(drawn) == 48


def test_these_numbers_never_change():
    """Seeds of published runs would mean other runs."""
    np.testing.assert_allclose(
        draws.uniform(KEY, [2, 3]),
        [[0.07708001, 0.1469121, 0.6530199], [0.37508857, 0.10042667, 0.15690398]],
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        draws.beta(KEY, [4], 0.75),
        [0.92979515, 0.32635003, 0.03747589, 0.96099585],
        rtol=1e-5,
    )
    assert draws.permutation(KEY, 8).numpy().tolist() == [0, 4, 1, 5, 3, 6, 7, 2]
    stream = draws.shuffled(7, "labeled", positions(18, 26), 10)
    assert stream.numpy().tolist() == [8, 0, 3, 4, 1, 5, 9, 0]


def test_uniform_draws():
    """In [0, 1), with the moments of U(0, 1)."""
    drawn = draws.uniform(KEY, [50000, 2]).numpy()

    assert drawn.dtype == np.float32
    assert drawn.min() >= 0 and drawn.max() < 1
    np.testing.assert_allclose(drawn.mean(0), 0.5, atol=0.006)
    np.testing.assert_allclose(drawn.var(0), 1 / 12, atol=0.003)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.02


@pytest.mark.parametrize("parameter", [0.2, 0.75, 1.0, 4.0])
def test_beta_draws_have_the_moments_of_beta(parameter):
    """E[x^k] is the product of (a + i) / (2 a + i) for i < k."""
    drawn = draws.beta(KEY, [40000], parameter)
    assert drawn.dtype == tf.float32
    drawn = drawn.numpy().astype(np.float64)

    assert drawn.min() >= 0 and drawn.max() <= 1
    moment = 1.0
    for power in range(1, 6):
        moment *= (parameter + power - 1) / (2 * parameter + power - 1)
        error = (drawn**power).std() / np.sqrt(len(drawn))
        assert abs((drawn**power).mean() - moment) < 4 * error


def test_beta_of_one_half_follows_the_arcsine_law():
    """P(x < t) = 2 / pi asin(sqrt(t)): the whole distribution, not only moments."""
    drawn = np.sort(draws.beta(KEY, [20000], 0.5).numpy())

    expected = 2 / np.pi * np.arcsin(np.sqrt(drawn))

    distance = np.abs(expected - np.linspace(0, 1, len(drawn))).max()
    assert distance < 1.95 / np.sqrt(len(drawn))  # Kolmogorov, one in a thousand


@pytest.mark.parametrize("parameter", [1e-3, 1e-6])
def test_beta_of_a_tiny_parameter_is_a_coin(parameter):
    """Both Gammas underflow; .5, their ratio, would be the strongest mixture of all."""
    drawn = draws.beta(KEY, [4000], parameter).numpy()

    assert np.mean(np.abs(drawn - 0.5) < 0.49) < 0.02
    assert abs(drawn.mean() - 0.5) < 0.04


def test_permutations_are_permutations():
    for size in (1, 2, 50):
        drawn = draws.permutation(KEY, size)
        assert drawn.dtype == tf.int32
        assert sorted(drawn.numpy()) == list(range(size))


def test_every_permutation_is_equally_likely():
    """1200 draws of the 6 permutations of three: 200 each, standard deviation 13."""

    @tf.function
    def draw(step):
        return draws.permutation(draws.step_key(0, "p", step), 3)

    drawn = [tuple(draw(step).numpy()) for step in positions(0, 1200)]

    counts = [drawn.count(each) for each in set(drawn)]
    assert len(counts) == 6
    assert min(counts) > 140 and max(counts) < 260


@pytest.mark.parametrize("size", [1, 2, 3, 20, 97, 256])
def test_every_pass_of_a_stream_is_a_permutation(size):
    """No item is left out or doubled before all had their turn."""
    drawn = passes(30, size)

    np.testing.assert_array_equal(np.sort(drawn, 1), np.tile(np.arange(size), (30, 1)))


def test_every_pass_is_another_permutation():
    drawn = passes(200, 50)

    assert len(np.unique(drawn, axis=0)) == 200


def test_items_take_turns_at_being_first():
    """50 times each in 250 passes of five, standard deviation 6."""
    first = np.bincount(passes(250, 5)[:, 0], minlength=5)

    assert first.min() > 25 and first.max() < 75


def test_streams_of_other_seeds_and_purposes_are_others():
    orders = [passes(1, 60, seed, p)[0] for seed in (0, 1) for p in ("labeled", "u")]

    assert len(np.unique(orders, axis=0)) == 4


def test_a_position_of_a_stream_is_the_same_however_it_is_asked_for():
    """Alone, in another order, across passes, or far out."""
    far = 10**12
    stream = draws.shuffled(3, "u", positions(far, far + 40), 13).numpy()
    order = np.random.RandomState(0).permutation(40)

    shuffled = draws.shuffled(3, "u", tf.constant(far + order), 13)
    alone = [
        draws.shuffled(3, "u", positions(far + i, far + i + 1), 13)[0] for i in order
    ]

    np.testing.assert_array_equal(shuffled, stream[order])
    np.testing.assert_array_equal(alone, stream[order])


def test_streams_longer_than_memory():
    """50 copies of a million images; nothing of that size is ever made."""
    size = 50 * 10**6
    items = draws.shuffled(0, "u", positions(0, 5000), size).numpy()

    assert items.dtype == np.int64
    assert len(set(items)) == 5000 and items.min() >= 0 and items.max() < size
    assert abs(items.mean() / size - 0.5) < 0.02


@pytest.mark.parametrize(
    "function",
    [
        lambda step: draws.step_key(5, "x", step),
        lambda step: draws.uniform(draws.step_key(5, "x", step), [7]),
        lambda step: draws.beta(draws.step_key(5, "x", step), [7], 0.75),
        lambda step: draws.permutation(draws.step_key(5, "x", step), 7),
        lambda step: draws.shuffled(5, "x", step + positions(0, 7), 4),
    ],
    ids=["step_key", "uniform", "beta", "permutation", "shuffled"],
)
def test_same_inside_tf_data(function):
    """For several steps, each as a scalar."""
    steps = np.array([0, 1, 999], np.int64)
    mapped = in_tf_data(lambda s: tf.stack([function(s[i]) for i in range(3)]), steps)

    for step, result in zip(steps, mapped):
        np.testing.assert_array_equal(result, function(tf.constant(step)))


@pytest.mark.parametrize("size", [20, 250])
def test_no_pass_is_repeated(size):
    """Also beyond pass 256, where the key of the shuffling op has used up a word."""
    passes = draws.shuffled(1, "labeled", positions(0, 1500 * size), size)
    seen = {tuple(row) for row in passes.numpy().reshape(1500, size)}
    assert len(seen) == 1500


def test_numbers_of_a_row_depend_on_its_key_alone():
    keys = draws.row_keys(1, "keys", tf.constant(5, tf.int64), 4)
    drawn = draws.uniform_rows(keys, "noise", [2, 3]).numpy()

    assert drawn.shape == (4, 2, 3) and len(np.unique(drawn)) == 24
    assert (drawn >= 0).all() and (drawn < 1).all()
    for rows in ([2], [3, 1]):
        again = draws.uniform_rows(tf.gather(keys, rows), "noise", [2, 3])
        np.testing.assert_array_equal(again, drawn[rows])
    other = draws.uniform_rows(keys, "dropout", [2, 3]).numpy()
    assert not np.isin(other, drawn).any()


def test_row_keys_depend_on_seed_purpose_and_step():
    given = [(1, "keys", 5), (2, "keys", 5), (1, "other", 5), (1, "keys", 6)]
    found = [draws.row_keys(s, p, tf.constant(t, tf.int64), 3) for s, p, t in given]
    assert len({tuple(row) for each in found for row in each.numpy()}) == 12
