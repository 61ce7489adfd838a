"""Logistic regression on frozen features."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.model_selection

from mixdmt_tf.algorithms.classification import linear_probe
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.errors import UserError
from mixdmt_tf.models import features
from mixdmt_tf.models.whitened_cnn import WhitenedCNN
from tests.algorithms.classification import batches
from tests.tasks.classification import tiny


def clusters(classes, each=12, dimensions=5, seed=0):
    """Features that overlap between classes, on scales that differ, and classes."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(classes), each)
    centres = rng.normal(0, 1.5, (classes, dimensions))
    x = centres[y] + rng.normal(size=(len(y), dimensions))
    return x * 2.0 ** np.arange(-2, dimensions - 2) + 7.0, y.astype(np.int32)


def softmax(logits):
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def slopes(x, y, kernel, bias, strength):
    """Gradient of the mean loss with its penalty, by kernel and bias.

    Of the kernel for standardized features: C * sum of cross-entropies + |w|^2 / 2,
    over C * N. Two classes have one vector of weights, the difference of both.
    """
    mean, deviation = x.mean(0), x.std(0)
    deviation = np.maximum(deviation, deviation.mean() / 10)
    z, w = (x - mean) / deviation, kernel * deviation[:, None]
    error = softmax(x @ kernel + bias) - np.eye(kernel.shape[1])[y]
    if kernel.shape[1] == 2:
        w, error = w[:, 1:] - w[:, :1], error[:, 1:]
    weights = strength * z.T @ error + w
    return (weights / (strength * len(x)), error.mean(0))


@pytest.mark.parametrize("strength", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_weights_are_the_optimum(classes, strength):
    x, y = clusters(classes)
    kernel, bias = linear_probe.fit(x, y, classes, strength)
    assert kernel.shape == (5, classes) and bias.shape == (classes,)
    assert kernel.dtype == bias.dtype == np.float32
    found = slopes(x, y, kernel.astype(np.float64), bias, strength)
    start = slopes(x, y, np.zeros((5, classes)), np.zeros(classes), strength)
    assert np.abs(start[0]).max() > 0.1
    for slope in found:
        assert np.abs(slope).max() < 5e-4


def test_a_constant_feature_is_left_out():
    """Whose deviation is 0, as of channels that never fire."""
    x, y = clusters(3)
    expected, bias = linear_probe.fit(x, y, 3, 0.1)
    kernel, with_constant = linear_probe.fit(np.c_[x, np.full(len(x), 4.0)], y, 3, 0.1)
    assert np.isfinite(kernel).all()
    logits = np.c_[x, np.full(len(x), 4.0)] @ kernel + with_constant
    np.testing.assert_allclose(logits, x @ expected + bias, atol=1e-2)


def test_the_strength_is_that_of_the_best_cross_validation(monkeypatch):
    x, y = clusters(3)
    asked = []

    def scores(model, x, y, cv):
        asked.append(model.C)
        assert cv.n_splits == linear_probe.FOLDS
        return np.array([0.9 if model.C == 1e-3 else 0.5])

    monkeypatch.setattr(sklearn.model_selection, "cross_val_score", scores)
    kernel, _ = linear_probe.fit(x, y, 3, None)
    assert tuple(asked) == linear_probe.STRENGTHS
    np.testing.assert_array_equal(kernel, linear_probe.fit(x, y, 3, 1e-3)[0])


@pytest.mark.parametrize("each,folds", [(1, 0), (2, 2), (3, 3), (9, 5)])
def test_few_labels_make_fewer_folds_and_one_makes_none(each, folds, monkeypatch):
    used = []

    def scores(model, x, y, cv):
        used.append(cv.n_splits)
        return np.zeros(1)

    monkeypatch.setattr(sklearn.model_selection, "cross_val_score", scores)
    x, y = clusters(3, each)
    kernel, _ = linear_probe.fit(x, y, 3, None)
    assert set(used) == ({folds} if folds else set())
    assert np.abs(kernel).max() > 0


def test_a_class_without_labels_is_named():
    x, y = clusters(3)
    with pytest.raises(UserError, match="no labelled image of class 1"):
        linear_probe.fit(x[y != 1], y[y != 1], 3, None)


def test_a_last_layer_without_bias_is_refused():
    method = batches.build("linear_probe", WhitenedCNN(filters=1))
    with pytest.raises(UserError, match="logits, the last layer of whitened_cnn"):
        method.begin(None)


def test_a_row_of_weight_two_counts_as_two_and_one_of_weight_zero_as_none():
    x, y = clusters(3)
    weights = np.tile([0.0, 1.0, 2.0, 1.0], len(x) // 4)
    kernel, bias = linear_probe.fit(x, y, 3, 1.0, weights)
    error = softmax(x @ kernel + bias) - np.eye(3)[y]
    assert np.abs((weights[:, None] * error).mean(0)).max() < 5e-4
    assert np.abs(error.mean(0)).max() > 5e-3  # which is where no weights would lead


def images_and_labels(count=30):
    batch = batches.make(Recipe(), count)
    return batch["x"], batch["y"].numpy()


def without_head(network):
    head = {id(weight) for weight in features.head(network).weights}
    return [w.numpy() for w in network.weights if id(w) not in head]


def test_it_is_fitted_to_the_features_and_averages_follow():
    method = batches.build("linear_probe", regularization=0.1)
    x, y = images_and_labels()
    parts = [(x[:20], y[:20]), (x[20:], y[20:])]
    others = without_head(method.network)

    method.begin(
        SimpleNamespace(labeled_images=lambda: iter(parts), label_weights=None)
    )

    found = features.extractor(method.network)(x).numpy().astype(np.float64)
    kernel, bias = (w.numpy() for w in features.head(method.network).weights)
    slope, of_bias = slopes(found, y, kernel, bias, 0.1)
    assert np.abs(slope).max() < 5e-4 and np.abs(of_bias).max() < 5e-4
    logits = method.network(x, training=False)
    np.testing.assert_allclose(logits, found @ kernel + bias, atol=1e-3)
    after = without_head(method.network)
    for one, other in zip(after, others):
        np.testing.assert_array_equal(one, other)
    for weight, average in method.average.pairs():
        np.testing.assert_array_equal(weight, average)


def test_at_its_defaults_a_step_changes_no_weight():
    method = batches.build("linear_probe", "wide_resnet", learning_rate=0.0)
    assert linear_probe.Config().for_run(method.facts.steps) == method.config
    before = [w.numpy() for w in method.network.weights]
    logs = method.train_step(batches.make(Recipe(), 8))
    for weight, old in zip(method.network.weights, before):
        np.testing.assert_array_equal(weight, old)
    for weight, average in method.average.pairs():
        np.testing.assert_array_equal(weight, average)
    assert float(logs["loss_x"]) > 0


def test_the_step_reports_loss_and_accuracy_as_in_use():
    method = batches.build("linear_probe", "wide_resnet")
    batch = batches.make(Recipe(), 8)
    terms, reports = method.step_losses(batch)
    p = softmax(method.network(batch["x"], training=False).numpy())
    y = batch["y"].numpy()
    expected = -np.log(p[np.arange(8), y])
    np.testing.assert_allclose(terms["loss_x"].values, expected, rtol=1e-4)
    np.testing.assert_array_equal(reports["accuracy_x"], p.argmax(-1) == y)
    assert method.recipe(method.config) == Recipe()


def test_a_run_takes_one_step_and_classifies(tmp_path):
    """Random features of digits tell more than half of them apart."""
    folder = tmp_path / "run"
    more = ("--algorithm=linear_probe", "--labels=100", "--steps=1", "--filters=16")
    done = tiny.session(folder, *more, "--learning_rate=0", "--image_size=none")
    assert done.code == 0, done.err
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results["test_error"] == results["test_error_raw"] < 50
