"""Labels from a graph: of a network's features, in a file, in a run in rounds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mixdmt_tf.algorithms.parts.label_sources import LabelSource
from mixdmt_tf.cli.pseudo_label import main
from mixdmt_tf.data.classification import datasets, pseudo_labels, splits
from mixdmt_tf.data.classification.splits import make_split
from mixdmt_tf.errors import UserError
from mixdmt_tf.tasks.classification import graph_labeling, labeling
from tests.data.classification import made_up
from tests.oracles import graph as oracle
from tests.tasks.classification import tiny

GRAPH = LabelSource(
    labeling="graph", graph_neighbours=4, graph_power=2.0, graph_alpha=0.8
)


class Seeing:
    """A trained network whose features are made up."""

    step, network = 7, {"network": "small_cnn"}

    def __init__(self, features):
        self.made_up = np.asarray(features, np.float32)
        self.scorer = self

    def weights(self, name):
        return name

    def features(self, weights, images, poll):
        assert len(images) == len(self.made_up)
        return self.made_up


@pytest.fixture
def source():
    return made_up.source(counts=(10, 10, 10))


@pytest.fixture
def split(source):
    return make_split(source, 6, 0, 3)


def test_labels_and_certainties_are_the_oracles(source, split):
    features = np.abs(np.random.default_rng(2).normal(size=(30, 4)))
    found = graph_labeling.propagate(Seeing(features), source, split, GRAPH)
    known = [*source.train.labels[split.labeled], *[-1] * 24]
    graph = oracle.normalized_affinities(features, 4, 2.0)
    scores = oracle.scores(graph, known, 3, 0.8)
    np.testing.assert_array_equal(found.labels, scores[6:].argmax(-1))
    np.testing.assert_allclose(
        found.certainty, oracle.certainties(scores)[6:], atol=1e-4
    )
    assert found.labels.dtype == np.int32 and found.certainty.dtype == np.float32


def test_similar_images_get_the_label_that_is_near(source, split):
    """Features that are the class and a little noise: all labels are right."""
    rng = np.random.default_rng(3)
    truth = source.train.labels[np.concatenate([split.labeled, split.unlabeled])]
    features = np.eye(3)[truth] + rng.uniform(0, 0.1, (30, 3))
    found = labeling.label(Seeing(features), source, split, 0.5, by=GRAPH)
    np.testing.assert_array_equal(found.labels, truth[6:])
    assert found.kept.sum() == 12 and found.confidence.min() > 0.5
    assert found.confidence[found.kept].min() >= found.confidence[~found.kept].max()
    assert found.facts["labeling"]["graph_neighbours"] == 4
    counts = np.bincount([*truth[:6], *found.labels[found.kept]], minlength=3)
    np.testing.assert_allclose(found.class_weights, 18 / (3 * counts), rtol=1e-6)
    expected = found.confidence * found.class_weights[found.labels]
    np.testing.assert_array_equal(found.row_weights(), expected)


def test_neighbours_are_exact():
    features = np.random.default_rng(4).normal(size=(300, 6)).astype(np.float32)
    places, similarities = graph_labeling.nearest_neighbours(features, 5)
    np.testing.assert_array_equal(places, oracle.neighbours(features, 5))
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    products = (units[places] * units[:, None]).sum(-1)
    np.testing.assert_allclose(similarities, products, atol=1e-5)


def test_fewer_images_than_neighbours(source, split):
    with pytest.raises(UserError, match="there are only 30 images"):
        graph_labeling.propagate(Seeing(np.ones((30, 2))), source, split, LabelSource())


def test_the_command_writes_labels_that_a_round_can_learn_from(finished, tmp_path):
    file = tmp_path / "labels.npz"
    argv = [f"--workdir={finished.folder}", f"--output={file}", "--labeling=graph"]
    assert main([*argv, "--fraction=50"]) == 0
    source = datasets.load(tiny.experiment(finished.folder).data)
    split = splits.read_split(finished.folder / "split.json", source)
    found = pseudo_labels.read(file, split, 10)
    assert found.kept.sum() == 686 and found.class_weights.shape == (10,)
    weights = found.row_weights()
    assert 0 <= weights.min() < weights.max() and np.isfinite(weights).all()
    run = tiny.session(
        tmp_path / "round",
        *("--algorithm=curriculum_labeling", "--augment=none", "--steps=4"),
        *("--unlabeled_ratio=2", f"--pseudo_labels={file}"),
        f"--split={finished.folder / 'split.json'}",
    )
    assert run.code == 0, run.err


@pytest.mark.long
def test_a_run_in_rounds_is_labelled_by_the_graph(tmp_path):
    run = tiny.session(
        tmp_path, *tiny.ROUNDS, "--labeling=graph", "--graph_neighbours=7"
    )
    assert run.code == 0, run.err
    results = json.loads((tmp_path / "results.json").read_text())
    assert len(results["rounds"]) == 2
    source = datasets.load(tiny.experiment(tmp_path).data)
    split = splits.read_split(tmp_path / "split.json", source)
    for name in ("round_1", "round_2"):
        found = pseudo_labels.read(
            tmp_path / "pseudo_labels" / f"{name}.npz", split, 10
        )
        assert found.facts["labeling"]["graph_neighbours"] == 7
        assert found.class_weights is not None
