"""Label propagation: graph, scores, certainty, balance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from mixdmt_tf.equations import (
    affinity_graph,
    balanced_class_weights,
    certainty,
    propagate_labels,
)
from tests.oracles import graph as oracle

# Four images on a circle, two neighbours each, labels at the first and the last.
FEATURES = np.array([(1, 0), (0.96, 0.28), (0.6, 0.8), (0, 1)])
LABELS = [0, -1, -1, 1]


def graph_of(features, k, power):
    """The graph from the oracle's neighbours."""
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    near = np.array(oracle.neighbours(features, k))
    similarities = np.take_along_axis(units @ units.T, near, 1)
    return affinity_graph(near, similarities, power)


def test_the_four_images_by_hand():
    graph = graph_of(FEATURES, 2, 3)
    expected = {(0, 1): 0.748411, (0, 2): 0.101879, (1, 2): 0.405592}
    expected.update({(1, 3): 0.012792, (2, 3): 0.665435})
    for (i, j), value in expected.items():
        assert graph[i, j] == pytest.approx(value, abs=2e-6)
        assert graph[j, i] == pytest.approx(graph[i, j], rel=1e-12)
    assert graph.diagonal().max() == 0
    scores = propagate_labels(graph, LABELS, 2, 0.99)
    p = scores / scores.sum(1, keepdims=True)
    wanted = [0.593683, 0.585400, 0.571623, 0.553587]
    np.testing.assert_allclose(p[:, 0], wanted, atol=2e-5)
    wanted = [1, 0.830155, 0.583055, 0.325890]
    np.testing.assert_allclose(certainty(scores), wanted, atol=5e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.99])
def test_equals_the_dense_solution(alpha):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(60, 5))  # some inner products are negative
    labels = np.full(60, -1)
    labels[:7] = [0, 0, 0, 1, 1, 2, 3]
    graph = graph_of(features, 9, 3)
    dense = oracle.normalized_affinities(features, 9, 3)
    np.testing.assert_allclose(graph.toarray(), dense, atol=1e-12)
    scores = propagate_labels(graph, labels, 5, alpha)
    expected = oracle.scores(dense, labels, 5, alpha)
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-6)
    assert not scores[:, 4].any()
    np.testing.assert_allclose(certainty(scores), oracle.certainties(scores), atol=1e-6)


def test_what_no_label_reaches_is_not_certain():
    pairs = affinity_graph([[1], [0], [3], [2]], np.ones((4, 1)), 3)
    scores = propagate_labels(pairs, [1, -1, -1, -1], 3, 0.9)
    np.testing.assert_array_equal(scores[2:], 0)
    np.testing.assert_allclose(certainty(scores), [1, 1, 0, 0], atol=1e-12)
    assert not certainty(np.zeros((3, 2))).any()


def test_images_without_affinity_are_alone():
    graph = affinity_graph([[1], [0], [0]], [[1.0], [1.0], [-0.5]], 3)
    assert sparse.issparse(graph) and np.isfinite(graph.toarray()).all()
    assert not graph.toarray()[2].any()


def test_a_class_with_more_labels_is_not_preferred():
    """Two labels of class 0 and one of class 1, all alike: certainty 0 for all."""
    everybody = [[1, 2], [0, 2], [0, 1]]
    graph = affinity_graph(everybody, np.ones((3, 2)), 1)
    scores = propagate_labels(graph, [0, 0, 1], 2, 0.99)
    np.testing.assert_allclose(scores.sum(0)[0], scores.sum(0)[1], rtol=1e-5)


def test_classes_are_balanced():
    weights = balanced_class_weights([0, 0, 0, 1, 1, 3], 4)
    np.testing.assert_allclose(weights, [0.5, 0.75, 0, 1.5])


def test_what_is_refused():
    with pytest.raises(ValueError, match="among its own neighbours"):
        affinity_graph([[0]], [[1.0]], 3)
    with pytest.raises(ValueError, match="expected two"):
        affinity_graph([[1], [0]], [[1.0, 2.0], [0.0, 0.0]], 3)
    with pytest.raises(ValueError, match="alpha"):
        propagate_labels(sparse.identity(2), [0, 1], 2, 1.0)
    with pytest.raises(ValueError, match="0 or more"):
        certainty([[-1.0, 1.0]])
