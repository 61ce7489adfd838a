"""What pseudo labels are worth: the same for images and for pixels."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms.parts import weighting
from tests.oracles import dynamic

GAMMAS = (3.0, 2.0)
RULES = {
    "dmt": (
        weighting.dynamic,
        lambda y, c, p: (y, dynamic.dynamic_weight(y, c, p, *GAMMAS)),
    ),
    "dmt_naive": (
        weighting.naive,
        lambda y, c, p: (y, dynamic.naive_weight(y, p, GAMMAS[0])),
    ),
    "dmt_flip": (
        weighting.flipped,
        lambda y, c, p: (
            dynamic.flipped_label(y, c, p),
            dynamic.flipped_weight(y, c, p, *GAMMAS),
        ),
    ),
}
SHAPES = [(24,), (2, 3, 4)]


def drawn(shape):
    """Pseudo labels, of which the last is ignored, confidence, and predictions."""
    rng = np.random.default_rng(3)
    labels = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 24)]
    labels[-1] = 0
    probs = rng.dirichlet([1.0] * 3, 24).astype(np.float32)
    confidence = rng.uniform(0.3, 1, 24).astype(np.float32)
    return (
        labels.reshape(*shape, 3),
        confidence.reshape(shape),
        probs.reshape(*shape, 3),
    )


@pytest.mark.parametrize("shape", SHAPES, ids=["images", "pixels"])
@pytest.mark.parametrize("name", RULES)
def test_rules_follow_the_paper(name, shape):
    rule, oracle = RULES[name]
    given = drawn(shape)
    targets, weights = rule(*map(tf.constant, given), GAMMAS)
    expected_targets, expected_weights = oracle(*given)
    np.testing.assert_array_equal(targets, expected_targets)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-5)
    assert np.ravel(weights)[-1] == 0


@pytest.mark.parametrize("shape", SHAPES, ids=["images", "pixels"])
def test_without_a_rule_all_count_that_are_not_ignored(shape):
    labels, _, _ = drawn(shape)
    targets, weights = weighting.alike(tf.constant(labels))
    np.testing.assert_array_equal(targets, labels)
    np.testing.assert_array_equal(np.ravel(weights), [1] * 23 + [0])


def test_cases_by_name():
    given = drawn((24,))
    found = weighting.cases(*map(tf.constant, given))
    expected = dynamic.disagreement_cases(*given)
    assert tuple(found) == weighting.CASES
    np.testing.assert_array_equal(np.stack([*found.values()], -1), expected)
    assert (expected.sum(0) > 0).all()


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_methods_of_both_tasks_have_the_same_rules(task):
    for name, (rule, _) in RULES.items():
        assert algorithms.method(task, name).rule is rule
    assert algorithms.method(task, "dst").rule is weighting.dynamic
