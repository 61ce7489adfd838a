"""What FixMatch shares with UDA is tested in test_uda.py."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.classification import fixmatch
from mixdmt_tf.data.classification.recipe import Recipe
from tests.algorithms.classification.test_uda import (
    as_numpy,
    batch_for,
    forward,
    trained_a_little,
    value,
)
from tests.oracles import consistency_step


@pytest.mark.parametrize("threshold", [0.0, 0.7, 0.95])
def test_losses_follow_the_paper(threshold):
    method = trained_a_little("fixmatch", confidence_threshold=threshold)
    batch = batch_for(method, rows=8)
    terms, reports = method.step_losses(batch)
    loss_x, loss_u, kept = consistency_step.fixmatch(
        forward(method), as_numpy(batch), threshold
    )
    assert value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
    assert value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)
    np.testing.assert_array_equal(reports["kept"], kept)
    assert (0 < kept.mean() < 1) == (threshold > 0)


def test_a_saturated_prediction_counts_at_any_threshold():
    """Equation 4 asks for at least tau."""
    method = trained_a_little("fixmatch", confidence_threshold=1.0)
    method.network.set_weights([1e4 * w for w in method.network.get_weights()])
    kept = method.step_losses(batch_for(method))[1]["kept"]
    np.testing.assert_array_equal(kept, tf.ones_like(kept))


def test_published_settings():
    config = fixmatch.Config()
    published = (0.03, "cosine_7_16", True, 0.0005, "l2_kernels", 0.999)
    assert published == (
        config.learning_rate,
        config.learning_rate_schedule,
        config.nesterov,
        config.weight_decay,
        config.weight_decay_form,
        config.ema_decay,
    )
    assert (config.optimizer, config.momentum) == ("sgd", 0.9)
    assert (config.confidence_threshold, config.lambda_u) == (0.95, 1.0)
    assert fixmatch.FixMatch.recipe(config) == Recipe(
        unlabeled_views=1,
        unlabeled_ratio=7,
        original_views=1,
        copies=100,
        copies_augment="randaugment_fixmatch",
    )
