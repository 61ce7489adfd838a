"""Passes that only look at images leave running statistics and weights alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mixdmt_tf.algorithms.parts.frozen_scores import frozen_scores
from mixdmt_tf.models.wide_resnet import WideResNet
from mixdmt_tf.tasks.classification.label_scoring import LabelScorer
from tests.algorithms.classification import batches
from tests.algorithms.parts import test_image_scores
from tests.algorithms.parts.test_ood_mask import labeled_images

EQUAL = np.testing.assert_array_equal


@pytest.mark.parametrize("score", ["knn", "mahalanobis"])
def test_a_mask_by_features_moves_no_statistics_of_its_own(score):
    """Its passes for features come besides those of RealMix."""
    plain, method = (
        batches.build("realmix", "wide_resnet", tsa="none", ood_score=s, ood_rate=0.5)
        for s in ("softmax", score)
    )
    method.network.set_weights(plain.network.get_weights())
    before = method.network.get_weights()
    method.begin(labeled_images())
    for one, other in zip(before, method.network.get_weights()):
        EQUAL(one, other)
    batch = batches.make(method.recipe(method.config), 8)
    for each in (plain, method):
        each.step_losses(batch)
    pairs = zip(method.network.get_weights(), plain.network.get_weights())
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_frozen_scores_move_no_statistics():
    images = keras.Input((8, 8, 1))
    x = keras.layers.BatchNormalization()(images)
    extractor = keras.Model(images, keras.layers.Flatten()(x))
    before = extractor.get_weights()
    frozen_scores(extractor, test_image_scores.pipeline())
    for one, other in zip(before, extractor.get_weights()):
        EQUAL(one, other)


def test_scores_of_several_labels_do_not_depend_on_the_other_images():
    """As they would with statistics of the batch."""
    scorer = LabelScorer(WideResNet(depth=10, width=1), (8, 8, 1), 3)
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), np.uint8)
    weights = scorer.network.get_weights()
    together, alone = (scorer.predict(weights, each) for each in (images, images[:1]))
    np.testing.assert_allclose(together[:1], alone, atol=1e-5)
