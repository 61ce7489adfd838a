"""Which images to label next."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.equations import k_centre_greedy, mutual_information
from tests.oracles import acquisition as oracle


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("members", [1, 2, 5])
def test_mutual_information_equals_its_oracle(members, rng):
    probs = rng.dirichlet(np.full(4, 0.3), (members, 30)).astype(np.float32)
    probs[:, 0] = [1, 0, 0, 0]  # 0 log 0
    expected = [oracle.mutual_information(probs[:, i].tolist()) for i in range(30)]
    np.testing.assert_allclose(mutual_information(probs), expected, atol=1e-6)


def test_mutual_information_by_hand():
    sure_and_apart = [[1.0, 0.0], [0.0, 1.0]]
    unsure_alike = [[0.5, 0.5], [0.5, 0.5]]
    sure_alike = [[1.0, 0.0], [1.0, 0.0]]
    found = mutual_information(np.stack([sure_and_apart, unsure_alike, sure_alike], 1))
    np.testing.assert_allclose(found, [np.log(2), 0.0, 0.0], atol=1e-12)


def test_a_pixel_is_an_image(rng):
    probs = rng.dirichlet(np.ones(3), (4, 2, 5, 6))
    found = mutual_information(probs)
    flat = mutual_information(probs.reshape(4, 60, 3))
    np.testing.assert_allclose(found, flat.reshape(2, 5, 6))


@pytest.mark.parametrize("labelled", [0, 1, 6])
@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_k_centre_greedy_equals_its_oracle(labelled, count, rng):
    features, centres = rng.normal(size=(20, 3)), rng.normal(size=(labelled, 3))
    found = k_centre_greedy(features, centres, count)
    assert found.tolist() == oracle.k_centre_greedy(features, centres, count)
    assert len(set(found.tolist())) == count


def test_k_centre_greedy_by_hand():
    """On a line: the far end, the middle of what is left, never one of the crowd."""
    features = [[0.0], [0.1], [10.0], [9.9], [5.0]]
    assert k_centre_greedy(features, [[0.0]], 2).tolist() == [2, 4]
    assert k_centre_greedy(features, np.zeros((0, 1)), 2).tolist() == [0, 2]


def test_equal_images_are_all_chosen_once():
    assert k_centre_greedy(np.ones((3, 2)), np.ones((1, 2)), 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "call",
    [
        lambda: mutual_information([0.5, 0.5]),
        lambda: mutual_information(np.zeros((0, 3, 2))),
        lambda: k_centre_greedy(np.zeros((3, 2)), np.zeros((1, 3)), 1),
        lambda: k_centre_greedy(np.zeros(3), np.zeros((1, 3)), 1),
        lambda: k_centre_greedy(np.zeros((3, 2)), np.zeros((0, 2)), 4),
    ],
)
def test_shapes_that_do_not_fit(call):
    with pytest.raises(ValueError):
        call()
