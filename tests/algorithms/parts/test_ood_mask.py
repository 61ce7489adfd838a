"""Which unlabelled rows RealMix leaves out, by every score."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.classification import realmix
from mixdmt_tf.algorithms.parts import fixed_scores, means, ood_mask
from mixdmt_tf.algorithms.parts.image_scores import (
    ImageScores,
    StrangerShare,
    stranger_share,
)
from mixdmt_tf.equations import ood_mask as lowest
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import features
from tests.algorithms.classification import batches
from tests.oracles import ood_scores as oracle

ROWS = 8
FEATURES = {
    "knn": lambda x, refs, y: oracle.nearest_cosine(x, refs, 5),
    "mahalanobis": oracle.mahalanobis,
    "subspace": oracle.subspace,
}


def build(score, **settings):
    settings = {"tsa": "none", "ood_rate": 0.5, **settings}
    return batches.build("realmix", ood_score=score, **settings)


def batch_for(method, **settings):
    return batches.make(method.recipe(method.config), ROWS, **settings)


def labeled_images(seed=1):
    """Eight images, two of each class, as a pipeline hands them out."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(-1, 1, (8,) + batches.SHAPE).astype(np.float32)
    labels = (np.arange(8) % batches.CLASSES).astype(np.int32)
    return types.SimpleNamespace(
        labeled_images=lambda: [
            (tf.constant(images[:5]), labels[:5]),
            (tf.constant(images[5:]), labels[5:]),
        ],
        images=images,
        labels=labels,
    )


def kept(method, batch):
    return method.step_losses(batch)[0]["loss_u"].mask.numpy()


@pytest.mark.parametrize("score", ["max_logit", "energy", "margin"])
@pytest.mark.parametrize("confidence", ["mixed", "guess"])
def test_scores_of_logits(score, confidence):
    method = build(score, ood_confidence=confidence)
    batch = batch_for(method)
    mixed = method.mixed_up(batch)
    name = {"max_logit": "largest_logit", "energy": "negative_energy"}.get(score)
    ranked = mixed.logits_u.numpy()
    if confidence == "guess":
        ranked = np.tile(mixed.views.numpy().mean(0), [2, 1])
        if score == "margin":
            ranked = np.tile(np.log(mixed.p.numpy()), [2, 1])
    scores = getattr(oracle, name or "probability_margin")(ranked)
    expected = scores > np.sort(scores)[len(scores) // 2]
    np.testing.assert_array_equal(kept(method, batch), expected)
    assert 0 < expected.sum() < len(expected)


@pytest.mark.parametrize("score", FEATURES)
def test_scores_of_features(score):
    method, pipeline = build(score), labeled_images()
    method.begin(pipeline)
    batch = batch_for(method)
    # The labelled images of this step are remembered before the others are compared.
    found = kept(method, batch)
    extract = features.extractor(method.network)
    views = [extract(v, training=True).numpy() for v in tf.unstack(batch["u"], axis=1)]
    references = method.ood.references.numpy()
    scores = FEATURES[score](np.mean(views, 0), references, pipeline.labels)
    expected = np.tile(lowest(tf.constant(scores, tf.float32), 0.5), 2)
    np.testing.assert_array_equal(found, expected)
    assert 0 < found.sum() < len(found)


def test_it_begins_with_all_labelled_images():
    method, pipeline = build("knn"), labeled_images()
    method.begin(pipeline)
    expected = features.extractor(method.network)(pipeline.images).numpy()
    np.testing.assert_allclose(method.ood.references, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(method.ood.classes, pipeline.labels)


def test_a_step_renews_the_features_of_its_own_images():
    method = build("knn")
    method.begin(labeled_images())
    before = method.ood.references.numpy()
    batch = batch_for(method)
    batch["x_index"] = tf.constant([0, 1, 1, 2, 2, 2, 5, 5], tf.int64)
    method.step_losses(batch)
    after = method.ood.references.numpy()
    rows = features.extractor(method.network)(batch["x"], training=True).numpy()
    np.testing.assert_allclose(after[0], rows[0], rtol=1e-5)
    np.testing.assert_allclose(after[2], rows[3:6].mean(0), rtol=1e-5)
    np.testing.assert_array_equal(after[[3, 4, 6, 7]], before[[3, 4, 6, 7]])


def test_a_fixed_score_masks_images_whatever_their_copy():
    method = build("frozen", ood_rate=0.25)
    scores = np.random.default_rng(2).permutation(batches.UNLABELED)
    method.ood.scores.assign(scores.astype(np.float32))
    method.ood.kept.assign(lowest(method.ood.scores.value(), 0.25))
    batch = batch_for(method)
    found = kept(method, batch)
    # Strictly above the threshold at index 16, whose score is 16.
    expected = np.tile(scores[batch["u_index"].numpy()] > 16, 2)
    np.testing.assert_array_equal(found, expected)
    assert 0 < found.sum() < len(found)


def test_the_truth_masks_images_known_to_be_of_no_class():
    method = build("oracle", ood_rate=0.0)
    truth = np.array([0, -1, -2, -5, 3, -2, 1, -1], np.int32)
    batch = {**batch_for(method), "u_truth": tf.constant(truth)}
    np.testing.assert_array_equal(kept(method, batch), np.tile(truth >= -1, 2))


@pytest.mark.parametrize("score", ["softmax", "knn", "frozen", "domain"])
def test_a_rate_of_zero_looks_at_nothing(score):
    method = build(score, ood_rate=0.0)
    method.begin(None)
    assert method.ood.scores is None and method.ood.references is None
    np.testing.assert_array_equal(kept(method, batch_for(method)), 1)


def evidence():
    """Half of the unlabelled images look like no labelled one."""
    return ImageScores(
        np.arange(64, dtype=np.float32),
        np.linspace(0, 1, 200),
        np.r_[np.linspace(0, 1, 1000), np.full(1000, -1.0)],
    )


@pytest.mark.parametrize("name", ["realmix", "mixdmt"])
def test_an_estimated_rate_is_that_of_the_mask(monkeypatch, name):
    settings = {"unlabeled_ratio": 1} if name == "mixdmt" else {"tsa": "none"}
    method = batches.build(name, ood_rate="auto", **settings)
    monkeypatch.setattr(fixed_scores, "frozen_scores", lambda *_: evidence())
    method.begin(None)
    share = stranger_share(evidence())
    assert 0.35 < share.rate < 0.55 and 0.45 < share.estimate < 0.6
    batch = batch_for(method)
    found = kept(method, batch)
    assert found.sum() == 16 - int(16 * share.rate) - 1
    _, reports = method.step_losses(batch)
    expected = (share.estimate, share.low, share.high)
    names = ("ood_rate_estimate", "ood_rate_low", "ood_rate_high")
    for each, value in zip(names, expected):
        assert float(reports[each][0]) == pytest.approx(value)
        assert float(reports[each][1]) == 1
    assert float(reports["ood_rate"]) == pytest.approx(share.rate)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_of_a_given_rate_no_estimate_is_reported(rate):
    method = build("softmax", ood_rate=rate)
    method.train_step(batch_for(method))
    read = method_means(method)
    assert read["ood_rate"] == rate
    assert not {name for name in read if name.startswith("ood_rate_")}


def method_means(method):
    return means.reader(method.means)()


def test_scores_that_another_run_gave_mask_images_whatever_they_are_called():
    method = build("knn", ood_rate=0.25, ood_scores_from="RUN")
    scores = np.random.default_rng(2).permutation(64).astype(np.float32)
    method.ood.given = fixed_scores.FixedScores(scores)
    method.begin(None)
    batch = batch_for(method)
    expected = np.tile(scores[batch["u_index"].numpy()] > 16, 2)
    np.testing.assert_array_equal(kept(method, batch), expected)
    assert method.ood.references is None and method.ood.fixed_score == "knn"


@pytest.mark.parametrize("estimated", [False, True])
def test_fixed_scores_keep_what_the_share_says(estimated):
    """100 times .53 is 53, which float32 rounds down to 52."""
    method = build("domain")
    rate = "auto" if estimated else 0.53
    config = realmix.Config(ood_score="domain", ood_rate=rate)
    mask = ood_mask.OodMask(method.network, config, RunFacts(4, 8, 10, unlabeled=100))
    share = StrangerShare(0.53, 0.5, 0.53, 0.6) if estimated else None
    mask.given = fixed_scores.FixedScores(np.arange(100, dtype=np.float32), share)
    mask.begin(None)
    np.testing.assert_array_equal(mask.kept, np.arange(100) > 53)


@pytest.mark.parametrize("score", ["domain", "oracle"])
def test_scores_of_no_network_are_not_those_of_another_run(score):
    with pytest.raises(UsageError, match=f"--ood_score={score} uses no network"):
        build(score, ood_scores_from="RUN")


@pytest.mark.parametrize("given", ["ood_scores_from", "ood_scores"])
def test_scores_without_a_share_are_refused(given):
    """With the default of the share, no mismatch, they would be ignored."""
    build("softmax", ood_rate="auto", **{given: "FILE"})
    with pytest.raises(UsageError, match=f"--{given}=FILE: .*\n.*--ood_rate=auto"):
        build("softmax", ood_rate=None, **{given: "FILE"})


@pytest.mark.parametrize("score", ["knn", "mahalanobis"])
def test_features_of_a_named_layer(score):
    method, pipeline = build(score, ood_layer="conv2d"), labeled_images()
    method.begin(pipeline)
    extract = features.extractor(method.network, "conv2d")
    rows = extract(pipeline.images).numpy()
    np.testing.assert_allclose(method.ood.references, rows, rtol=1e-5, atol=1e-6)
    batch = batch_for(method)
    found = kept(method, batch)
    views = [extract(v, training=True).numpy() for v in tf.unstack(batch["u"], axis=1)]
    references = method.ood.references.numpy()
    scores = FEATURES[score](np.mean(views, 0), references, pipeline.labels)
    expected = np.tile(lowest(tf.constant(scores, tf.float32), 0.5), 2)
    np.testing.assert_array_equal(found, expected)


def test_frozen_features_of_a_named_layer(monkeypatch):
    method, seen = build("frozen", ood_layer="conv2d"), []

    def scores(extractor, _):
        seen.append(extractor)
        return evidence()

    monkeypatch.setattr(fixed_scores, "frozen_scores", scores)
    method.begin(None)
    images = labeled_images().images
    expected = features.extractor(method.network, "conv2d")(images)
    np.testing.assert_array_equal(seen[0](images), expected)


@pytest.mark.parametrize("score", ["softmax", "domain", "oracle"])
def test_a_layer_that_no_score_asks_for_is_refused(score):
    with pytest.raises(UsageError, match=f"--ood_score={score} compares no features"):
        build(score, ood_layer="conv2d")
    build(
        score if score == "oracle" else "softmax", ood_rate="auto", ood_layer="conv2d"
    )


def test_frozen_features_have_to_be_trained_ones():
    network = batches.build("supervised").network
    facts = RunFacts(batches.CLASSES, 8, 100, unlabeled=64)
    with pytest.raises(UsageError, match="random weights.*\n.*--ood_score=domain"):
        realmix.RealMix(
            network, realmix.Config(ood_score="frozen", ood_rate=0.5), facts
        )


def test_the_state_is_part_of_the_method():
    for score, wanted in (("knn", "references"), ("frozen", "kept")):
        method = build(score, ood_rate="auto")
        state = method.own_state
        assert {f"ood.{wanted}", "ood.rate", "ood.scores"} <= set(state)
