"""Scores against a plain NumPy argmax."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.classification import splits
from mixdmt_tf.data.classification.config import Config as DataConfig
from mixdmt_tf.data.classification.datasets import digits
from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.models import small_cnn, whitened_cnn, wide_resnet
from mixdmt_tf.tasks.classification import scoring
from mixdmt_tf.tasks.classification.scoring import Scorer, evaluate, score
from tests.algorithms.classification import batches


@pytest.fixture
def scorer():
    return Scorer(small_cnn.SmallCNN(filters=3), (8, 8, 1), 4)


def images(rows, seed=0):
    """Noise with made-up labels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (rows, 8, 8, 1), np.uint8)
    return Images(pixels, rng.integers(0, 4, rows).astype(np.int32))


def random_weights(network, seed=0):
    """Weights with which the classes differ."""
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1, w.shape).astype(np.float32) for w in network.get_weights()]


def plain_probabilities(network, pixels):
    """Softmax of the network's logits, all images at once, in NumPy."""
    logits = network(pixels.astype(np.float32) / 127.5 - 1, training=False).numpy()
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("rows", [1, 7, 8, 21])
def test_probabilities_come_in_the_order_of_the_images(scorer, rows, monkeypatch):
    monkeypatch.setattr(scoring, "BATCH", 7)
    weights, pixels = random_weights(scorer.network), images(rows).images
    found = scorer.predict(weights, pixels)
    scorer.network.set_weights(weights)
    expected = plain_probabilities(scorer.network, pixels)
    assert found.shape == (rows, 4) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_weights_given_are_the_weights_used(scorer):
    pixels = images(5).images
    first = scorer.predict(random_weights(scorer.network, 1), pixels)
    second = scorer.predict(random_weights(scorer.network, 2), pixels)
    again = scorer.predict(random_weights(scorer.network, 1), pixels)
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(first, again)


def test_an_error_is_the_share_of_wrong_argmaxes_in_percent(scorer):
    weights, labelled = random_weights(scorer.network), images(150)
    scorer.network.set_weights(weights)
    predicted = plain_probabilities(scorer.network, labelled.images).argmax(-1)
    result = score(scorer, weights, labelled)
    assert result.error == pytest.approx(100 * np.mean(predicted != labelled.labels))
    sure = plain_probabilities(scorer.network, labelled.images).max(-1)
    credit = 100 * np.mean(np.where(predicted == labelled.labels, sure, 0))
    assert result.fine_grained == pytest.approx(credit, rel=1e-5)
    for c in range(4):
        hits = predicted[labelled.labels == c] == c
        assert result.accuracy_by_class[c] == pytest.approx(100 * hits.mean())
    np.testing.assert_array_equal(result.probabilities.argmax(-1), predicted)


def test_classes_are_described_in_a_line_each(scorer):
    """A class without an image has no accuracy."""
    some = images(20)
    labelled = Images(some.images, np.where(some.labels == 2, 1, some.labels))
    result = score(scorer, random_weights(scorer.network), labelled)
    lines = result.lines(["cat", "dog", "owl", "fox"])
    assert lines[2] == "  owl  does not occur"
    assert lines[0] == f"  cat  accuracy {result.accuracy_by_class[0]:6.2f} %"


def test_scoring_is_in_float32_whatever_the_training_is_in():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    scorer = Scorer(wide_resnet.WideResNet(depth=10, width=1), (8, 8, 1), 4)
    assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    assert {layer.compute_dtype for layer in scorer.network.layers} == {"float32"}


def test_statistics_of_batch_normalization_are_not_those_of_the_batch():
    scorer = Scorer(wide_resnet.WideResNet(depth=10, width=1), (8, 8, 1), 4)
    weights, pixels = scorer.network.get_weights(), images(6).images
    together = scorer.predict(weights, pixels)
    alone = np.concatenate(
        [scorer.predict(weights, pixels[i : i + 1]) for i in range(6)]
    )
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_averaged_and_raw_weights_are_scored_apart(scorer):
    method = batches.build("supervised")
    assert method.network.output_shape == (None, batches.CLASSES)
    own = Scorer(small_cnn.SmallCNN(filters=4), (8, 8, 1), 4)
    method.network.set_weights(random_weights(method.network, 1))
    averages = random_weights(method.network, 2)
    for (_, average), value in zip(method.average.pairs(), averages):
        average.assign(value)
    sets = {"validation": None, "test": images(90), "none": images(0)}
    found = evaluate(own, method, sets)
    assert set(found) == {"test", "test_raw"}
    for name, weights in (
        ("test", averages),
        ("test_raw", method.network.get_weights()),
    ):
        own.network.set_weights(weights)
        expected = plain_probabilities(own.network, sets["test"].images)
        np.testing.assert_allclose(found[name].probabilities, expected, atol=1e-5)
    assert found["test"].error != found["test_raw"].error


def test_weights_without_an_average_are_scored_once(monkeypatch):
    """Both names have the same scores; half of the time is saved."""
    method = batches.build("supervised", ema_decay=0.0)
    own = Scorer(small_cnn.SmallCNN(filters=4), (8, 8, 1), 4)
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return score(*arguments)

    monkeypatch.setattr(scoring, "score", counted)
    found = evaluate(own, method, {"test": images(20), "validation": images(10)})
    assert len(calls) == 2
    assert set(found) == {"test", "test_raw", "validation", "validation_raw"}
    assert found["test_raw"] is found["test"]
    method.average.averages[0].assign_add(tf.ones_like(method.average.averages[0]))
    evaluate(own, method, {"test": images(20)})
    assert len(calls) == 4


def test_images_are_scored_at_the_size_they_have_within_the_network():
    config = small_cnn.SmallCNN(filters=3)
    own, plain = Scorer(config, (8, 8, 1), 4, size=12), Scorer(config, (12, 12, 1), 4)
    weights, pixels = random_weights(plain.network), images(5).images
    found = own.predict(weights, pixels)
    resized = keras.layers.Resizing(12, 12)(pixels.astype(np.float32) / 127.5 - 1)
    plain.network.set_weights(weights)
    logits = plain.network(resized, training=False)
    np.testing.assert_allclose(found, tf.nn.softmax(logits), atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [small_cnn.SmallCNN(filters=3), whitened_cnn.WhitenedCNN(filters=2)],
    ids=lambda model: type(model).__name__,  # the second one's logits have no bias
)
def test_features_come_with_the_networks_own_logits(model):
    scorer = Scorer(model, (8, 8, 1), 4)
    weights, pixels = scorer.network.get_weights(), images(5).images
    features, logits = scorer.outputs(weights, pixels)
    assert len(features) == 5
    floats = pixels.astype(np.float32) / 127.5 - 1
    expected = scorer.network(floats, training=False).numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_an_evaluation_can_be_stopped_between_its_passes(scorer, monkeypatch):
    monkeypatch.setattr(scoring, "BATCH", 10)
    calls = []

    def poll():
        calls.append(None)
        if len(calls) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        scorer.predict(random_weights(scorer.network), images(100).images, poll)
    assert len(calls) == 3


def test_a_runs_errors_are_those_of_its_checkpoint(finished):
    """Read with TensorFlow alone: no code of ours between file and error."""
    source = digits.load(DataConfig(dataset="digits"))
    split = splits.read_split(finished.folder / "split.json", source)
    sets = {"test": source.test, "validation": splits.validation_images(split, source)}
    path = finished.folder / "checkpoints" / "step-00000012" / "state"
    values = tf.train.load_checkpoint(str(path))
    network = small_cnn.SmallCNN(filters=4).build((8, 8, 1), 10)
    for suffix, name in (("", "averages"), ("_raw", "weights")):
        keys = [
            f"average/{name}/{place}/.ATTRIBUTES/VARIABLE_VALUE"
            for place in range(len(network.weights))
        ]
        network.set_weights([values.get_tensor(key) for key in keys])
        for name, part in sets.items():
            predicted = plain_probabilities(network, part.images).argmax(-1)
            error = 100 * np.mean(predicted != part.labels)
            found = finished.results[f"{name}_error{suffix}"]
            assert found == pytest.approx(error), (name, suffix)
