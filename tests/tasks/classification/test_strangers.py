"""What the mask rejects, of all images at once."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.classification import realmix
from mixdmt_tf.algorithms.parts.fixed_scores import FixedScores
from mixdmt_tf.algorithms.parts.image_scores import StrangerShare
from mixdmt_tf.algorithms.parts.ood_mask import OodMask
from mixdmt_tf.data.classification.source import Images, Source
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import small_cnn
from mixdmt_tf.runs import checkpoints
from mixdmt_tf.tasks.classification import score_files, strangers
from tests.oracles import ood_scores as oracle
from tests.runs.damaged import flipped
from tests.tasks.classification import tiny

LABELS = np.array([0, 1, 1, -1, 0, -2, -2, -2, 1], np.int32)


@pytest.fixture
def data():
    """Four labelled and five unlabelled images, three of them of no class."""
    images = Images(np.zeros((9, 4, 4, 1), np.uint8), LABELS)
    names = ("cat", "dog")
    source = Source("made", names, images, outside_names=("(other)",))
    split = types.SimpleNamespace(
        labeled=np.array([0, 1, 2, 4]), unlabeled=np.array([3, 5, 6, 7, 8])
    )
    return source, split


@pytest.fixture
def judged():
    rng = np.random.default_rng(2)
    return strangers.Judged(
        *(rng.normal(size=s).astype(np.float32) for s in ((5, 3), (5, 2), (4, 3)))
    )


def test_scores_of_logits_and_of_features(data, judged, tmp_path, monkeypatch):
    monkeypatch.setattr(strangers, "CHUNK", 2)
    source, split = data
    found = strangers.scores("softmax", judged, tmp_path, source, split)
    exponentials = np.exp(judged.logits)
    largest = (exponentials / exponentials.sum(-1, keepdims=True)).max(-1)
    np.testing.assert_allclose(found, largest, rtol=1e-5)
    found = strangers.scores("mahalanobis", judged, tmp_path, source, split)
    classes = LABELS[split.labeled]
    expected = oracle.mahalanobis(judged.rows, judged.labeled, classes)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_what_the_mask_found_before_training_is_in_the_checkpoint(
    data, tmp_path, capsys
):
    """Under the names that a method's own state gets there."""
    source, split = data
    config = realmix.Config(ood_score="domain", ood_rate="auto").for_run(10)
    network = small_cnn.SmallCNN(filters=4).build((4, 4, 1), 2)
    facts = RunFacts(2, 4, 10, unlabeled=5)
    method = realmix.RealMix(network, config, facts)
    assert isinstance(method.ood, OodMask)
    method.compile()
    method.ood.scores.assign([0.1, 0.5, 0.2, 0.4, 0.3])
    method.ood.rate.assign(0.4)
    folder = checkpoints.Checkpoints(
        tmp_path / "checkpoints", checkpoints.state(method)
    )
    folder.save(10)
    flipped(folder.save(12))  # every checkpoint has the same
    found = strangers.scores("domain", None, tmp_path, source, split)
    np.testing.assert_allclose(found, [0.1, 0.5, 0.2, 0.4, 0.3])
    experiment = types.SimpleNamespace(method=config)
    share, why = strangers.share_of(experiment, tmp_path, None)
    assert share == pytest.approx(0.4) and why == "as the run masks"
    assert strangers.share_of(experiment, tmp_path, 25.0)[0] == 0.25
    assert strangers.rejected(found, 0.4).tolist() == [True, False, True, False, True]
    assert capsys.readouterr() == ("", "")


def test_scores_of_a_run_in_rounds_are_in_a_file(data, tmp_path):
    """Its result may be a base model, or a mean, whose checkpoint has no mask."""
    source, split = data
    given = np.linspace(0, 1, len(split.unlabeled), dtype=np.float32)
    share = StrangerShare(0.5, 0.3, 0.4, 0.6)
    path = tmp_path / score_files.NAME
    score_files.write(path, FixedScores(given, share), split)
    found = strangers.scores("frozen", None, tmp_path, source, split)
    np.testing.assert_array_equal(found, given)
    method = types.SimpleNamespace(ood_rate="auto")
    experiment = types.SimpleNamespace(method=method)
    assert strangers.masked_share(experiment, tmp_path) == pytest.approx(0.4)


def test_the_share_of_a_run(tmp_path):
    experiment = tiny.experiment(tmp_path, "--ood_rate=0.3")
    assert strangers.masked_share(experiment, tmp_path) == 0.3
    none = tiny.experiment(tmp_path)
    assert strangers.masked_share(none, tmp_path) == 0.0
    data = types.SimpleNamespace(mismatch=100)
    all_of_them = types.SimpleNamespace(method=none.method, data=data)
    assert strangers.masked_share(all_of_them, tmp_path) == 0.9
    other = tiny.experiment(tmp_path, "--algorithm=mixup")
    assert strangers.masked_share(other, tmp_path) == 0.0


def test_the_score_of_a_run(tmp_path):
    plain = tiny.experiment(tmp_path, "--ood_score=knn")
    assert strangers.score_name(plain, "auto") == "knn"
    assert strangers.score_name(plain, "energy") == "energy"
    method = dataclasses.replace(plain.method, ood_score="oracle")
    truth = dataclasses.replace(plain, method=method)
    assert strangers.score_name(truth, "auto") == "softmax"
    with pytest.raises(UsageError, match="found before training, and the run ranks"):
        strangers.score_name(plain, "domain")
    off = tiny.experiment(tmp_path, "--ood_score=domain")
    assert strangers.score_name(off, "auto") == "softmax"
    on = tiny.experiment(tmp_path, "--ood_score=domain", "--ood_rate=auto")
    assert strangers.score_name(on, "auto") == "domain"
    other = tiny.experiment(tmp_path, "--algorithm=mixup")
    assert strangers.score_name(other, "auto") == "softmax"


def test_how_many_are_of_no_class_where_that_is_known(data, judged):
    source, split = data
    said = strangers.describe_truth(source, split, np.array([0, 1, 3, 4]))
    assert said == "of 3 with known truth, 2 are of no class"
    labels = np.where(LABELS == -2, -1, LABELS)
    own = dataclasses.replace(source, train=Images(source.train.images, labels))
    assert strangers.describe_truth(own, split, np.array([0, 1])) == ""
    some = strangers.probabilities(judged, np.array([4, 1]))
    expected = tf.nn.softmax(judged.logits).numpy()[[4, 1]]
    np.testing.assert_allclose(some, expected, rtol=1e-6)
