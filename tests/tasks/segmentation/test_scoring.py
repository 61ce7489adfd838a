"""Scores of images against plain NumPy."""

from __future__ import annotations

import types
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.models import deeplab_v2, small_segmenter
from mixdmt_tf.tasks.segmentation import scoring
from mixdmt_tf.tasks.segmentation.scoring import Scorer, evaluate
from tests.data.segmentation import files
from tests.oracles import metrics

CLASSES = 3


@pytest.fixture(scope="module")
def shared():
    """Built once for all tests."""
    return Scorer(small_segmenter.SmallSegmenter(3, 1), CLASSES)


@pytest.fixture
def scorer(shared):
    shared.use(random_weights(shared.network))
    return shared


def random_weights(network, seed=0):
    """Weights with which the classes differ."""
    rng = np.random.default_rng(seed)
    values = [rng.normal(0, 0.45, w.shape) for w in network.get_weights()]
    # Vectors are shifts and scales, and a variance among them.
    return [np.abs(each) if each.ndim == 1 else each for each in values]


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def logits(network, image):
    """Of the network itself, at the size that the image has."""
    floats = image[np.newaxis].astype(np.float32) * np.float32(2 / 255) - 1
    return network(floats, training=False).numpy()[0]


def plain(network, image):
    return softmax(logits(network, image))


def repeated(image, stride):
    """The last row and column repeated up to a multiple of the stride, and one."""
    pad = [(0, -(size - 1) % stride) for size in image.shape[:2]]
    return np.pad(image, [*pad, (0, 0)], mode="edge")


@pytest.mark.parametrize("size", [(9, 17), (17, 25), (33, 9), (1, 9)])
def test_sizes_whose_last_feature_is_on_the_last_pixel_are_left_alone(scorer, size):
    image = files.photo(*size)
    found = scorer.predict(scorer.network.get_weights(), image[np.newaxis])
    assert found.shape == (1, *size, CLASSES) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], plain(scorer.network, image), atol=1e-6)
    exact = tf.nn.softmax(logits(scorer.network, image)[np.newaxis])
    np.testing.assert_array_equal(found, exact)
    assert found.std() > 0.02


@pytest.mark.parametrize("size", [(10, 16), (9, 18), (16, 9), (5, 7), (2, 3)])
def test_of_other_sizes_the_edges_are_repeated(scorer, size):
    image = files.photo(*size)
    found = scorer.probabilities(tf.constant(image[np.newaxis])).numpy()[0]
    whole = plain(scorer.network, repeated(image, 8))
    assert found.shape == (*size, CLASSES)
    np.testing.assert_allclose(found, whole[: size[0], : size[1]], atol=1e-6)
    assert np.abs(found - plain(scorer.network, image)).max() > 1e-3


@pytest.mark.parametrize("stride", [16, 32])
def test_larger_output_strides(stride):
    config = deeplab_v2.DeepLabV2(14, 1, output_stride=stride, rates="1")
    scorer = Scorer(config, CLASSES)
    image = files.photo(20, 33)
    found = scorer.probabilities(tf.constant(image[np.newaxis])).numpy()[0]
    whole = plain(scorer.network, repeated(image, stride))
    assert whole.shape[:2] == (33, 33)
    np.testing.assert_allclose(found, whole[:20], atol=1e-6)


def test_each_sample_of_several_is_predicted_by_itself(scorer):
    images = np.stack([files.photo(9, 10, seed) for seed in range(3)])
    weights = scorer.network.get_weights()
    together = scorer.predict(weights, images)
    alone = [scorer.predict(weights, images[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-6)


def test_a_guess_is_the_likeliest_class_and_the_doubt_about_it(scorer):
    for size in ((9, 17), (10, 7)):
        image = files.photo(*size)
        classes, doubt = scorer.guess(image)
        np.testing.assert_array_equal(scorer.classes(image), classes)
        probs = scorer.predict(scorer.network.get_weights(), image[np.newaxis])[0]
        assert (classes.dtype, doubt.dtype) == (np.uint8, np.float16)
        assert classes.shape == doubt.shape == size
        ranked = np.sort(probs, -1)
        clear = ranked[..., -1] - ranked[..., -2] > 1e-5
        assert clear.mean() > 0.9 and len(np.unique(classes)) > 1
        np.testing.assert_array_equal(classes[clear], probs.argmax(-1)[clear])
        expected = 1 - probs.max(-1).astype(np.float64)
        np.testing.assert_allclose(doubt, expected, rtol=1e-3, atol=1e-6)


def test_classes_tie_where_those_of_a_guess_do(monkeypatch):
    logits = np.nextafter(np.float32([[[[0, 0.2, 0.2]]]]), np.float32([0, 0, 1]))
    monkeypatch.setattr(Scorer, "logits", lambda self, images: tf.constant(logits))
    tied, image = Scorer(small_segmenter.SmallSegmenter(1, 1), 3), files.photo(1, 1)
    assert (logits.argmax(), tied.guess(image)[0], tied.classes(image)) == (2, 1, 1)


def test_the_weights_given_are_the_weights_used(scorer):
    image = files.photo(9, 9)
    answers = []
    for seed in (1, 2, 1):
        scorer.use(random_weights(scorer.network, seed))
        answers.append(scorer.guess(image))
    assert (answers[0][1] != answers[1][1]).any()
    np.testing.assert_array_equal(answers[0], answers[2])


def test_scoring_is_in_float32_whatever_the_training_is_in():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    scorer = Scorer(small_segmenter.SmallSegmenter(1, 1), CLASSES)
    assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    assert {layer.compute_dtype for layer in scorer.network.layers} == {"float32"}


class Labelled:
    """An image with given labels, whose image says what is guessed of it."""

    def __init__(self, labels, guessed):
        self._labels = np.array(labels, np.uint8)
        self._guessed = np.array(guessed, np.uint8)

    def image(self):
        return self._guessed

    def labels(self):
        return self._labels


class Oracle:
    """In place of a scorer: what the image says."""

    def __init__(self, classes=CLASSES):
        self.network = types.SimpleNamespace(output_shape=(None, None, None, classes))
        self.used, self.asked = [], 0

    def use(self, weights):
        self.used.append(weights)

    def classes(self, image):
        self.asked += 1
        return image


def test_the_example_of_the_reference():
    """Two images of different size count by their pixels, not by images."""
    parts = [
        Labelled([[0, 0, 1]], [[0, 1, 1]]),
        Labelled([[1], [2], [255]], [[1], [0], [2]]),
    ]
    found = scoring.score(Oracle(), [], parts)
    assert found.iou_by_class == pytest.approx([100 / 3, 200 / 3, 0])
    assert found.miou == pytest.approx(100 / 3)
    assert found.pixel_accuracy == pytest.approx(60)
    assert found.counts.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]


def test_a_network_is_scored_as_the_oracle_does(scorer):
    samples = [
        files.MemorySample("a"),
        Labelled(files.numbers(9, 17, seed=1), files.photo(9, 17, 1)),
        Labelled(files.numbers(12, 6, seed=2), files.photo(12, 6, 2)),
    ]
    weights = random_weights(scorer.network, 3)
    found = scoring.score(scorer, weights, samples)
    true, guessed = [], []
    scorer.use(weights)
    for sample in samples:
        probs = plain(scorer.network, repeated(sample.image(), 8))
        height, width = sample.labels().shape
        guessed += probs[:height, :width].argmax(-1).ravel().tolist()
        true += sample.labels().ravel().tolist()
    expected = metrics.iou_by_class(true, guessed, CLASSES, 255)
    np.testing.assert_allclose(found.iou_by_class, expected, rtol=1e-12)
    assert found.miou == pytest.approx(np.nanmean(expected))
    known = np.array(true) != 255
    right = (np.array(true) == guessed)[known]
    assert found.pixel_accuracy == pytest.approx(100 * right.mean())


def test_what_is_ignored_may_be_guessed_to_be_anything():
    labels = files.numbers(6, 7)
    guessed = files.numbers(6, 7, seed=5) % CLASSES
    one, other = (np.where(labels == 255, c, guessed) for c in (0, 2))
    scores = [scoring.score(Oracle(), [], [Labelled(labels, g)]) for g in (one, other)]
    np.testing.assert_array_equal(scores[0].counts, scores[1].counts)
    assert scores[0].counts.sum() == np.count_nonzero(labels != 255)


def test_a_class_that_does_not_occur_is_left_out_of_the_mean():
    found = scoring.score(Oracle(4), [], [Labelled([[0, 0, 2]], [[0, 2, 2]])])
    assert found.miou == pytest.approx(50)
    np.testing.assert_allclose(found.iou_by_class, [50, np.nan, 50, np.nan])


def method(averaged, raw):
    network = types.SimpleNamespace(get_weights=lambda: raw)
    average = types.SimpleNamespace(in_network=lambda given: averaged)
    return types.SimpleNamespace(network=network, average=average)


SCENE = Labelled([[0, 1]], [[0, 1]])


def test_averaged_and_raw_weights_are_scored_apart():
    averaged, raw = [np.zeros(2), np.ones(1)], [np.zeros(2), np.zeros(1)]
    sets = {"validation": [SCENE], "test": [SCENE, SCENE], "none": None, "empty": []}
    scorer = Oracle()
    found = evaluate(scorer, method(averaged, raw), sets)
    assert list(found) == ["validation", "validation_raw", "test", "test_raw"]
    assert [used is averaged for used in scorer.used] == [True, False, True, False]
    assert scorer.asked == 6


def test_without_an_average_nothing_is_scored_twice():
    weights = [np.zeros(2), np.ones(1)]
    scorer = Oracle()
    found = evaluate(
        scorer, method(weights, [w.copy() for w in weights]), {"a": [SCENE]}
    )
    assert scorer.asked == 1 and found["a"] is found["a_raw"]


def test_an_evaluation_can_be_stopped_between_samples():
    poll = mock.Mock(side_effect=[None, None, InterruptedError])
    scorer, same = Oracle(), method([np.zeros(1)], [np.zeros(1)])
    with pytest.raises(InterruptedError):
        evaluate(scorer, same, {"a": [SCENE, SCENE], "b": [SCENE] * 20}, poll)
    assert scorer.asked == 2
