"""Training signal annealing, out-of-distribution masking, and stable students."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import (
    confidence_mask,
    confidence_mask_inclusive,
    confidence_mask_released,
    learner_mask,
    ood_mask,
    stable_mask,
    tsa_mask,
    tsa_mask_released,
    tsa_threshold,
)
from tests.equations.inputs import logits as random_logits
from tests.equations.inputs import mixed_labels
from tests.oracles import masks as oracles

CONFIDENCE = [0.31, 0.95, 0.62, 0.44, 0.88, 0.53, 0.71, 0.99]


def log(p):
    """Return logits whose softmax is p."""
    return np.log(np.array(p))


def test_tsa_drops_what_is_known_better_than_eta():
    """The probabilities of the true class are 0.2, 0.5, 0.6 and 0.9."""
    p_true = np.array([0.2, 0.5, 0.6, 0.9])
    logits = log(np.stack([p_true, 1 - p_true], axis=-1))
    np.testing.assert_array_equal(tsa_mask([[1, 0]] * 4, logits, 0.55), [1, 1, 0, 0])


def test_tsa_counts_only_the_true_class():
    """Being sure of a wrong class is a reason to learn."""
    np.testing.assert_array_equal(tsa_mask([[0, 1]], log([[0.95, 0.05]]), 0.55), [1])


def test_tsa_does_not_mind_a_probability_that_underflows():
    """0 for a class outside the label meets its threshold 0, which means nothing."""
    np.testing.assert_array_equal(tsa_mask([[1, 0]], [[200.0, -200.0]], 0.55), [0])


def test_tsa_of_mixed_labels():
    """Thresholds 0.4 and 0.1 for a label (0.8, 0.2): both must be passed."""
    probs = [[0.5, 0.5], [0.85, 0.15], [0.95, 0.05], [0.3, 0.7]]
    mask = tsa_mask([[0.8, 0.2]] * 4, log(probs), 0.5)
    np.testing.assert_array_equal(mask, [0, 0, 1, 1])


@pytest.mark.parametrize("classes", [2, 4, 16, 128])  # 1/C is exact
def test_tsa_keeps_a_tie(classes):
    """An untrained network says 1/C, which is where the threshold starts."""
    eta = tsa_threshold("linear", 0, 1000, classes)
    mask = tsa_mask(np.eye(classes), np.zeros([classes, classes]), eta)
    np.testing.assert_array_equal(mask, np.ones(classes))


def test_tsa_drops_nothing_in_the_end():
    """At eta = 1 not even a saturated softmax, which is 1 exactly."""
    rng = np.random.default_rng(5)
    labels = np.concatenate([np.eye(4), mixed_labels(rng, [200, 4])])
    logits = np.concatenate([1e4 * np.eye(4), random_logits(rng, [200, 4])])
    np.testing.assert_array_equal(tsa_mask(labels, logits, 1.0), np.ones(204))


def test_tsa_drops_an_example_without_a_label():
    """An ignored pixel must not enlarge the denominator."""
    np.testing.assert_array_equal(tsa_mask([[0, 0]], [[1.0, 2.0]], 0.5), [0])


def test_tsa_drops_less_as_the_threshold_rises():
    """The signal is released, never taken back."""
    rng = np.random.default_rng(6)
    labels, logits = mixed_labels(rng, [500, 5]), random_logits(rng, [500, 5])
    before = np.zeros(500)
    for eta in (0.2, 0.4, 0.6, 0.8, 1.0):
        now = tsa_mask(labels, logits, eta).numpy()
        assert np.all(now >= before) and np.sum(now) > np.sum(before)
        before = now


def test_tsa_as_released_on_known_logits():
    """Sure examples (0.94, 0.979) are kept; 0.9996 with small logits is dropped."""
    logits = [[4, 1, -1, -2] + [-3] * 6, [4, -1, -1, -2] + [-3] * 6, [1] + [-9] * 9]
    labels = np.eye(10)[[0, 0, 0]]
    released = tsa_mask_released(labels, np.array(logits, np.float32), 0.55)
    np.testing.assert_array_equal(released, [1, 1, 0])
    intended = tsa_mask(labels, np.array(logits, np.float32), 0.55)
    np.testing.assert_array_equal(intended, [0, 0, 0])


def test_tsa_as_released_drops_a_tie():
    """A logit of 0 outside the label: its probability 0 is not below 0 * eta."""
    labels, logits = [[1, 0], [1, 0]], [[0.5, 0.0], [0.5, 1e-3]]
    np.testing.assert_array_equal(tsa_mask_released(labels, logits, 0.55), [0, 1])


def test_tsa_as_released_depends_on_a_shift_of_the_logits():
    """The sign of a slip: softmax ignores the shift, and so does the intended rule."""
    labels, logits = [[1, 0, 0]], np.array([[1.0, -6.0, -6.0]])
    for shift, released in ((0, 0), (2, 1)):
        mask = tsa_mask_released(labels, logits + shift, 0.55)
        np.testing.assert_array_equal(mask, [released])
        np.testing.assert_array_equal(tsa_mask(labels, logits + shift, 0.55), [0])


@pytest.mark.parametrize("eta", [0.1, 0.325, 0.775, 1.0])
def test_tsa_masks_equal_their_oracles(eta):
    """At other thresholds than the common tests use, and with both outcomes."""
    rng = np.random.default_rng(7)
    labels, logits = mixed_labels(rng, [400, 3]), random_logits(rng, [400, 3]) - 3
    for equation, oracle in (
        (tsa_mask, oracles.tsa_mask),
        (tsa_mask_released, oracles.tsa_mask_released),
    ):
        wanted = oracle(labels.astype(np.float64), logits, eta)
        np.testing.assert_array_equal(equation(labels, logits, np.float32(eta)), wanted)
        assert eta == 1.0 or 0 < np.mean(wanted) < 1


@pytest.mark.parametrize("mask", [tsa_mask, tsa_mask_released])
def test_tsa_masks_refuse_what_would_broadcast(mask):
    """Class ids, and a threshold for each example."""
    with pytest.raises(ValueError, match="labels must have the shape of logits"):
        mask([0, 1], np.zeros([2, 2]), 0.5)
    with pytest.raises(ValueError, match="eta must have rank 0"):
        mask(np.eye(2), np.zeros([2, 2]), [0.5, 0.5])


@pytest.mark.parametrize(
    ("mu", "kept"),
    [(0.25, [1, 2, 4, 6, 7]), (0.5, [1, 4, 7]), (0.75, [7]), (0.9, [])],
)
def test_ood_mask_of_known_confidences(mu, kept):
    """Which rows survive."""
    np.testing.assert_array_equal(np.flatnonzero(ood_mask(CONFIDENCE, mu)), kept)


@pytest.mark.parametrize(
    ("mu", "kept"), [(0.25, 95), (0.5, 63), (0.75, 31), (0.9, 12), (1e-9, 127)]
)
def test_ood_mask_of_a_batch(mu, kept):
    """Two views of 64 images; one row more goes than the share says."""
    confidence = np.random.default_rng(8).permutation(128) / 128
    assert np.sum(ood_mask(confidence, mu)) == kept


def test_ood_mask_counts_exactly():
    """floor(N * mu) for every percentage and size, as decimal arithmetic has it."""
    for count in (1, 7, 10, 100, 128):
        confidence = np.arange(count, dtype=np.float32)
        for percent in range(1, 100):
            kept = float(np.sum(ood_mask(confidence, percent / 100)))
            assert kept == count - count * percent // 100 - 1, (count, percent)


def test_ood_mask_counts_thirds():
    """1/3 of 3 is 1, although the float is a little less."""
    np.testing.assert_array_equal(ood_mask([0.2, 0.6, 0.9], 1 / 3), [0, 0, 1])


@pytest.mark.parametrize("mu", [0, 0.0, -1, -1.0])
def test_ood_mask_switched_off(mu):
    """Everything is kept, also the least confident row."""
    np.testing.assert_array_equal(ood_mask(CONFIDENCE, mu), np.ones(8))


@pytest.mark.parametrize("mu", [1, 1.0, 1.5, 25, float("nan")])
def test_ood_mask_refuses_a_share_of_one_or_more(mu):
    """25 is a percentage, not a share."""
    with pytest.raises(ValueError, match="mu must be below 1 .* got"):
        ood_mask(CONFIDENCE, mu)


def test_ood_mask_with_a_share_next_to_one():
    """The index stays in the batch; the most confident row is never strictly above."""
    np.testing.assert_array_equal(ood_mask(CONFIDENCE, 1 - 1e-12), np.zeros(8))


def test_ood_mask_drops_ties_with_the_threshold():
    """Strictly greater: equal confidences are dropped together, perhaps all."""
    np.testing.assert_array_equal(ood_mask([0.5, 0.5, 0.7, 0.5], 0.25), [0, 0, 1, 0])
    np.testing.assert_array_equal(ood_mask([0.5] * 4, 0.25), np.zeros(4))


def test_ood_mask_looks_only_at_the_order():
    """Any increasing function of the confidence gives the same mask."""
    confidence = np.random.default_rng(9).uniform(size=50)
    squared = ood_mask(confidence**2, 0.4)
    np.testing.assert_array_equal(ood_mask(confidence, 0.4), squared)


def test_ood_mask_refuses_other_ranks():
    """A confidence for each pixel has to be flattened by the caller."""
    with pytest.raises(ValueError, match="confidence must have rank 1"):
        ood_mask(np.ones([2, 3]), 0.5)


@pytest.mark.parametrize(
    "mask",
    [
        lambda x: tsa_mask(tf.eye(4), x, 0.5),
        lambda x: tsa_mask_released(tf.eye(4), x, 0.5),
        lambda x: ood_mask(tf.reduce_max(x, -1), 0.5),
        lambda x: ood_mask(tf.reduce_max(x, -1), 0.0),
        lambda x: stable_mask(x, 2 * x, 0.5),
        lambda x: learner_mask(*[tf.reduce_max(f * x, -1) for f in (1, 2, 3, 4)]),
    ],
)
def test_masks_carry_no_gradient(mask):
    """They choose examples; they are not a loss."""
    x = tf.random.stateless_normal([4, 4], seed=[1, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(mask(x))
    assert tape.gradient(loss, x) is None


def test_only_a_tie_tells_the_confidence_masks_apart():
    """UDA and Pseudo-Label demand more than the threshold, FixMatch as much."""
    probs = [[0.25, 0.75], [0.5, 0.5], [0.0, 1.0], [0.7, 0.3]]
    np.testing.assert_array_equal(confidence_mask(probs, 0.75), [0, 0, 1, 0])
    np.testing.assert_array_equal(confidence_mask_inclusive(probs, 0.75), [1, 0, 1, 0])
    np.testing.assert_array_equal(confidence_mask(probs, 1.0), [0, 0, 0, 0])
    np.testing.assert_array_equal(confidence_mask_inclusive(probs, 1.0), [0, 0, 1, 0])


@pytest.mark.parametrize("mask", [confidence_mask, confidence_mask_inclusive])
def test_confidence_masks_stop_the_gradient_and_refuse_scalars(mask):
    """A confidence [] has no axis of classes."""
    probs = tf.constant([[0.9, 0.1]])
    with tf.GradientTape() as tape:
        tape.watch(probs)
        kept = tf.reduce_sum(mask(probs, 0.8))
    assert kept == 1 and tape.gradient(kept, probs) is None
    with pytest.raises(ValueError, match="rank at least 1"):
        mask(0.9, 0.8)


def test_confidence_mask_as_released_spreads_over_all_rows():
    """Losses 1, 2 and 6, the outer two being sure: 2, where 7/3 is meant."""
    probs = [[0.97, 0.03], [0.6, 0.4], [0.01, 0.99]]
    losses = np.array([1.0, 2.0, 6.0])
    released = confidence_mask_released(probs, 0.95)
    np.testing.assert_allclose(released, [2 / 3] * 3, rtol=1e-6)
    assert np.mean(losses * released) == pytest.approx(2.0)
    meant = confidence_mask(probs, 0.95)
    assert np.mean(losses * meant) == pytest.approx(7 / 3)


def test_confidence_mask_as_released_knows_batches_only():
    """Pixels would need a rule of which the release has none."""
    with pytest.raises(ValueError, match="probs must have rank 2"):
        confidence_mask_released(np.zeros([2, 4, 4, 3]), 0.95)


def test_stable_means_the_same_class_and_one_sure_view():
    """Strictly above the threshold: .8 itself is not."""
    one = [[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.9, 0.1], [0.3, 0.7]]
    other = [[0.6, 0.4], [0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.4, 0.6]]
    np.testing.assert_array_equal(stable_mask(one, other, 0.8), [1, 1, 0, 0, 0])
    np.testing.assert_array_equal(stable_mask(other, one, 0.8), [1, 1, 0, 0, 0])


def test_who_learns_of_two_students():
    """Neither is stable; the other; this one; both: nearer, equal, farther."""
    stable, others = [0, 0, 1, 1, 1, 1], [0, 1, 0, 1, 1, 1]
    distance, others_distance = [9, 1, 9, 1, 2, 3], [1, 9, 1, 2, 2, 2]
    learns = learner_mask(stable, others, distance, others_distance)
    np.testing.assert_array_equal(learns, [0, 1, 0, 0, 0, 1])
    teaches = learner_mask(others, stable, others_distance, distance)
    np.testing.assert_array_equal(teaches, [0, 0, 1, 1, 0, 0])


def test_students_of_other_shapes_are_refused():
    """A column would have made a matrix of a batch."""
    with pytest.raises(ValueError, match="distance must have the shape of stable"):
        learner_mask(np.zeros(3), np.zeros(3), np.zeros([3, 1]), np.zeros(3))
    with pytest.raises(ValueError, match="other_probs must have the shape of probs"):
        stable_mask(np.zeros([3, 2]), np.zeros([1, 2]), 0.5)
