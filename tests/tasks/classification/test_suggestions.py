"""Which images are suggested."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.data.lazy_images import Held
from mixdmt_tf.models import small_cnn
from mixdmt_tf.tasks.classification import suggestions
from mixdmt_tf.tasks.classification.scoring import Scorer
from tests.oracles import acquisition as oracle
from tests.tasks.classification import tiny

NO_STRANGERS = np.zeros(40, bool)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def judged(rng):
    """Predictions [3, 40, 4], features [40, 5], and those of labelled images."""
    predictions = rng.dirichlet(np.ones(4), (3, 40)).astype(np.float32)
    return predictions, rng.normal(size=(40, 5)), rng.normal(size=(6, 5))


def test_disagreement_then_diversity(judged):
    predictions, rows, labeled = judged
    doubts = [oracle.mutual_information(predictions[:, i].tolist()) for i in range(40)]
    best = sorted(range(40), key=lambda i: -doubts[i])[:12]
    order = oracle.k_centre_greedy(rows[best], labeled, 4)
    found = suggestions.suggest(*judged, NO_STRANGERS, count=4, candidates=3)
    assert found.places.tolist() == [best[i] for i in order]
    expected = [doubts[i] for i in found.places]
    np.testing.assert_allclose(found.disagreement, expected, atol=1e-6)
    means = predictions.mean(0)[found.places]
    np.testing.assert_allclose(found.probabilities, means)


def test_candidates_are_half_of_the_images_at_most(judged):
    predictions, _, _ = judged
    doubts = [oracle.mutual_information(predictions[:, i].tolist()) for i in range(40)]
    found = suggestions.suggest(*judged, NO_STRANGERS, count=20, candidates=100)
    assert set(found.places) == set(sorted(range(40), key=lambda i: -doubts[i])[:20])
    assert len(suggestions.suggest(*judged, NO_STRANGERS, 30, 1).places) == 30


def test_strangers_are_left_out(judged, rng):
    everybody = suggestions.suggest(*judged, NO_STRANGERS, 10, 1)
    strangers = NO_STRANGERS.copy()
    strangers[everybody.places[:3]] = True
    found = suggestions.suggest(*judged, strangers, 10, 1)
    assert not strangers[found.places].any() and len(found.places) == 10
    assert set(everybody.places[3:]) < set(found.places)


def test_there_may_be_fewer(judged):
    strangers = ~NO_STRANGERS
    strangers[[3, 8]] = False
    found = suggestions.suggest(*judged, strangers, 10, 10)
    assert sorted(found.places) == [3, 8]
    assert len(suggestions.suggest(*judged, ~NO_STRANGERS, 10, 10).places) == 0


class Model:
    """A network whose weights are its own."""

    def __init__(self):
        self.scorer = Scorer(small_cnn.SmallCNN(filters=4), (8, 8, 1), 3)

    def weights(self, name):
        assert name == "raw"
        return self.scorer.network.get_weights()


class Data:
    """30 images, of which 25 are unlabelled."""

    def __init__(self, images, flip):
        self.train, self.unlabeled = self, np.arange(5, 30)
        self.images, self.flip, self.crop_padding = images, flip, 0
        self.image_shape = (8, 8, 1)


@pytest.mark.parametrize("lazy", [False, True])
def test_views_of_an_image(lazy, rng, monkeypatch):
    monkeypatch.setattr(suggestions, "BATCH", 10)  # more than one pass
    pixels = rng.integers(0, 256, (30, 8, 8, 1), np.uint8)
    pixels[7] = 9  # as plain as it is, no view differs
    model = Model()
    data = Data(Held(pixels) if lazy else pixels, flip=True)
    found = suggestions.of_views(model, "raw", data, data, 4, seed=1)
    assert found.shape == (4, 25, 3)
    as_it_is = model.scorer.predict(model.weights("raw"), pixels[5:])
    np.testing.assert_allclose(found[0], as_it_is, atol=1e-6)
    assert np.abs(found[:, 2] - found[0, 2]).max() < 1e-6
    assert np.abs(found[1] - found[2]).max() > 1e-4
    again = suggestions.of_views(model, "raw", data, data, 4, seed=1)
    np.testing.assert_array_equal(found, again)
    other = suggestions.of_views(model, "raw", data, data, 4, seed=2)
    assert np.abs(found - other).max() > 1e-4


@pytest.mark.parametrize(
    "more, names",
    [
        (("--algorithm=dmt",), ["round_1", "round_2"]),
        (("--algorithm=co_teaching",), ["base", "round_1"]),
        (("--algorithm=dmt_mutual",), ["round_2_b", "round_2_a"]),
        (("--algorithm=mixup",), []),
    ],
)
def test_the_networks_that_a_run_ends_with(more, names, tmp_path):
    rounds = tiny.SHORT_ROUNDS if names else ()
    if "co_teaching" in more[0]:
        rounds = [each for each in rounds if "--rounds" not in each] + ["--rounds=1"]
    rounds = [each for each in rounds if "unlabeled_ratio" not in each]
    experiment = tiny.experiment(tmp_path, *more, *rounds)
    assert suggestions.committee(experiment, tmp_path) == []  # not trained yet
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "flags.txt").touch()
    found = suggestions.committee(experiment, tmp_path)
    assert [each.name for each in found] == names
