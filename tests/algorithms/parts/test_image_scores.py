"""Scores of the unlabelled images from before the first step."""

from __future__ import annotations

import tracemalloc
import types
from unittest import mock

import keras
import numpy as np
import pytest
import scipy.stats  # not to be imported while memory is counted
import tensorflow as tf

from mixdmt_tf.algorithms.parts import domain_scores, frozen_scores
from mixdmt_tf.algorithms.parts.image_scores import (
    ImageScores,
    StrangerShare,
    stranger_share,
)
from mixdmt_tf.data.augment import crop_flip
from mixdmt_tf.equations import auroc
from mixdmt_tf.errors import UserError

SIZE = 8


def stripes(kind, number, rng):
    """Noisy images whose stripes lie in one of three directions."""
    rows, columns = np.indices((SIZE, SIZE))
    wave = {0: rows, 1: columns, 2: rows + columns}[kind]
    picture = np.sin(wave * np.pi / 2)[None, ..., None]
    noise = rng.normal(0, 0.3, (number, SIZE, SIZE, 1))
    return np.clip(picture * 0.6 + noise, -1, 1).astype(np.float32)


def pipeline(each=12, known=40, strangers=40, seed=0):
    """Labelled are two directions, and unlabelled ones besides of a third."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([stripes(kind, each, rng) for kind in (0, 1)])
    y = np.repeat(np.arange(2, dtype=np.int32), each)
    parts = [stripes(kind, known // 2, rng) for kind in (0, 1)]
    u = np.concatenate([*parts, stripes(2, strangers, rng)])

    def unlabeled(places=None):
        chosen = u if places is None else u[places]
        for start in range(0, len(chosen), 30):
            yield tf.constant(chosen[start : start + 30])

    return types.SimpleNamespace(
        labeled_images=lambda: [
            (tf.constant(x[:5]), y[:5]),
            (tf.constant(x[5:]), y[5:]),
        ],
        unlabeled_images=unlabeled,
        split=types.SimpleNamespace(unlabeled=np.arange(len(u))),
        source=types.SimpleNamespace(flip=False, class_names=("down", "across")),
        seed=seed,
        x=x,
        y=y,
        u=u,
        inside=np.arange(len(u)) < known,
    )


def pixels():
    """An extractor whose features are the pixels."""
    images = keras.Input((SIZE, SIZE, 1))
    return keras.Model(images, keras.layers.Flatten()(images))


def cosine_to_fifth(row, others):
    cosines = others @ row / np.linalg.norm(others, axis=1) / np.linalg.norm(row)
    return np.sort(cosines)[-5]


def test_frozen_scores_by_the_definition():
    given = pipeline()
    found = frozen_scores.frozen_scores(pixels(), given)
    x, u = given.x.reshape(len(given.x), -1), given.u.reshape(len(given.u), -1)
    together = np.concatenate([x, u]).astype(np.float64)
    x, u = ((each - together.mean(0)) / together.std(0) for each in (x, u))
    np.testing.assert_allclose(
        found.scores, [cosine_to_fifth(row, x) for row in u], rtol=1e-4, atol=1e-5
    )
    # A labelled image is compared with all others of its kind; ranks by class.
    own = np.array([cosine_to_fifth(x[i], np.delete(x, i, 0)) for i in range(len(x))])
    units = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    _, near = frozen_scores.nearest(units, units, given.y, True)
    assert np.mean(near == given.y) > 0.8
    for kind in (0, 1):
        same = own[near == kind].round(6)
        ranks = (same[:, None] > same).sum(1)
        np.testing.assert_allclose(
            found.held_out[near == kind], (ranks + 0.5) / (len(ranks) + 1), rtol=1e-6
        )
    assert auroc(given.inside, found.scores) > 0.95


@pytest.mark.parametrize("strangers", [0, 400, 1200])
def test_the_share_of_strangers(strangers):
    given = pipeline(each=50, known=400, strangers=strangers)
    share = stranger_share(frozen_scores.frozen_scores(pixels(), given))
    truth = strangers / (400 + strangers)
    assert share.estimate == pytest.approx(truth, abs=0.15)
    assert share.low <= share.quartile <= share.high
    assert share.rate <= share.estimate
    assert (share.rate > 0) == (strangers > 0)
    assert f"{share.estimate:.0%}" in share.describe()


def test_classes_that_are_absent_are_no_strangers():
    """All unlabelled images are of one class, whose images are far from each other."""
    rng = np.random.default_rng(3)
    given = pipeline(each=40)
    given.x[given.y == 1] = stripes(1, 40, rng)
    given.u[:] = stripes(0, len(given.u), rng)
    given.x[given.y == 1] += rng.normal(0, 0.01, given.x[given.y == 1].shape)
    share = stranger_share(frozen_scores.frozen_scores(pixels(), given))
    assert share.estimate < 0.2 and share.rate == 0


@pytest.mark.parametrize("seed", range(4))
def test_with_one_label_of_each_class_nothing_is_masked(seed):
    """No labelled image looks like the class of another one, and so of some classes."""
    rng = np.random.default_rng(seed)
    kinds = rng.normal(0, 0.5, (6, SIZE, SIZE, 1))
    given = pipeline(each=3, known=250, strangers=250)
    given.y[:] = np.arange(6)
    given.x[:] = kinds + rng.normal(0, 0.5, kinds.shape)
    shown = kinds[rng.integers(0, 6, 500)]
    given.u[:] = shown + rng.normal(0, 0.5, shown.shape)
    share = stranger_share(frozen_scores.frozen_scores(pixels(), given))
    assert share.estimate < 0.1 and share.rate == 0


def test_neighbours_vote_with_their_cosines():
    references = np.eye(3)[[0, 0, 1, 1, 1, 2]]
    labels = np.array([0, 0, 1, 1, 1, 2])
    row = np.array([[0.95, 0.3, 0.0]]) / np.hypot(0.95, 0.3)
    score, near = frozen_scores.nearest(row, references, labels)
    # Cosines .954 twice (class 0) and .301 three times: 3.91 against 3.90.
    assert near.tolist() == [0]
    assert score[0] == pytest.approx(row[0, 1])
    score, _ = frozen_scores.nearest(references, references, labels, True)
    assert score[0] == pytest.approx(0)  # without itself


def test_domain_scores_tell_strangers(monkeypatch):
    monkeypatch.setattr(domain_scores, "STEPS", 40)
    monkeypatch.setattr(domain_scores, "FOLDS", 2)
    traced = mock.Mock(wraps=crop_flip.crop_flip)
    monkeypatch.setattr(crop_flip, "crop_flip", traced)
    given = pipeline(each=20, known=60, strangers=60)
    found = domain_scores.domain_scores(given)
    assert found.scores.shape == (120,) and found.scores.dtype == np.float32
    assert ((found.scores >= 0) & (found.scores < 1)).all()
    assert auroc(given.inside, found.scores) > 0.9
    assert traced.call_count == 1  # by both networks together
    assert 0.3 < stranger_share(found).estimate < 0.65
    again = domain_scores.domain_scores(given)
    np.testing.assert_array_equal(found.scores, again.scores)
    other = domain_scores.domain_scores(pipeline(20, 60, 60, seed=1))
    assert (found.scores != other.scores).any()


@pytest.mark.parametrize("labels", [2, 3])
def test_an_image_of_each_class_leaves_every_network_some(labels):
    """Else the networks of some seeds had nothing to learn from."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        assert len(set(domain_scores._folds(np.arange(labels), rng))) > 1, seed


def test_nobody_is_scored_by_who_has_seen_him(monkeypatch):
    """Networks that know the pictures of their training by heart."""
    seen = []

    def trained(detector, images, fold, progress):
        labeled = {each.tobytes() for each in images.labeled}
        pool = {each.tobytes() for each in images.unlabeled.astype(np.float32)}
        seen.append((labeled, pool))

        def compute(batch):
            shown = {image.tobytes() for image in batch.numpy()}
            assert not shown & (labeled | pool)
            return tf.zeros(len(batch))

        return compute

    monkeypatch.setattr(domain_scores, "_trained", trained)
    given = pipeline()
    domain_scores.domain_scores(given)
    assert len(seen) == 5
    for image in given.x:
        assert sum(image.tobytes() in labeled for labeled, _ in seen) == 4
    assert seen[0][1].isdisjoint(seen[1][1]) and seen[0][1] == seen[2][1]
    assert len(seen[0][1] | seen[1][1]) == len(given.u)


def test_few_unlabelled_images_are_in_memory_at_a_time(monkeypatch):
    """Those that a network learns from, and a pass of the others."""
    number, size, most = 3000, 24, 40
    image = np.zeros((size, size, 3), np.float32)

    def unlabeled(places=None):
        wanted = np.arange(number) if places is None else places
        for start in range(0, len(wanted), 25):  # NumPy's memory can be counted
            yield np.stack([image] * len(wanted[start : start + 25]))

    held = []

    def trained(detector, images, fold, progress):
        held.append(len(images.unlabeled))
        return lambda batch: tf.zeros(len(batch))

    monkeypatch.setattr(domain_scores, "POOL", most)
    monkeypatch.setattr(domain_scores, "_Detector", lambda *_: None)
    monkeypatch.setattr(domain_scores, "_trained", trained)
    given = pipeline(each=5)
    given.labeled_images = lambda: [(np.stack([image] * 10), np.arange(10) % 2)]
    given.unlabeled_images = unlabeled
    given.split.unlabeled = np.arange(number)
    assert scipy.stats.kruskal
    tracemalloc.start()
    found = domain_scores.domain_scores(given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held == [most] * 5 and found.scores.shape == (number,)
    assert peak / (image.nbytes / 2) < 500  # in images as they are kept, of 3,000


def test_the_classes_that_look_present():
    names = ("ant", "bee", "cat", "dog")
    rng = np.random.default_rng(5)
    classes = np.repeat(np.arange(4), 50)
    alike = rng.uniform(size=200)
    kept, note = domain_scores.present_classes(alike, classes, names)
    assert kept.all() and note == ""
    absent = np.where(classes < 2, 0.7 + 0.3 * alike, 0.9 * alike)
    kept, note = domain_scores.present_classes(absent, classes, names)
    np.testing.assert_array_equal(kept, classes >= 2)
    assert "seem to lack ant, bee, or" in note
    # All are surely labelled ones: nothing tells classes apart.
    kept, note = domain_scores.present_classes(np.ones(200), classes, names)
    assert kept.all() and note == ""


def test_fewer_labelled_images_than_folds(monkeypatch):
    def brightness(images):
        return tf.reduce_sum(images, [1, 2, 3])

    monkeypatch.setattr(domain_scores, "_trained", lambda *_: brightness)
    found = domain_scores.domain_scores(pipeline(each=1))
    assert found.held_out.shape == (2,) and np.isfinite(found.scores).all()


def test_no_evidence_is_no_mask():
    few = ImageScores(np.zeros(3), np.linspace(0, 1, 6), np.linspace(0, 1, 100))
    share = stranger_share(few)
    said = share.describe()
    assert share.rate == 0 and "no evidence" in said and "none are masked" in said


def test_a_mask_leaves_a_tenth_and_says_so():
    share = StrangerShare(0.97, 0.93, 0.95, 1.0)
    assert share.rate == 0.9 and "90% are masked" in share.describe()


def test_domain_scores_need_two_unlabelled_images():
    """One to learn from and one to score."""
    images = np.zeros((4, 8, 8, 3), np.float32)
    pipeline = types.SimpleNamespace(
        labeled_images=lambda: [(tf.constant(images), np.arange(4))],
        split=types.SimpleNamespace(unlabeled=np.array([5])),
        seed=1,
    )
    with pytest.raises(UserError, match="there is 1 unlabelled image"):
        domain_scores.domain_scores(pipeline)


def test_each_fold_and_each_run_begin_with_other_weights(monkeypatch):
    seeds = []
    monkeypatch.setattr(domain_scores, "STEPS", 0)
    monkeypatch.setattr(
        domain_scores._Detector, "begin", lambda self, seed: seeds.append(seed)
    )
    for seed in (0, 1):
        given = pipeline()
        given.seed = seed
        domain_scores.domain_scores(given)
    assert len(set(seeds)) == len(seeds) == 2 * domain_scores.FOLDS
