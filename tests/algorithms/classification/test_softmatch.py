"""What SoftMatch shares with UDA and FixMatch is tested in test_uda.py."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.algorithms.classification import fixmatch, softmatch
from tests.algorithms.classification import batches
from tests.algorithms.classification.test_uda import (
    as_numpy,
    batch_for,
    forward,
    trained_a_little,
    value,
)
from tests.oracles import adaptive_steps


@pytest.mark.parametrize("sigmas", [1.0, 2.0])
@pytest.mark.parametrize("align", [True, False])
def test_three_steps_follow_the_paper(align, sigmas):
    """The running means of each go into the next."""
    method = trained_a_little(
        "softmatch", statistics_decay=0.3, sigmas=sigmas, uniform_alignment=align
    )
    state = 1 / batches.CLASSES, 1.0, None
    for seed in range(3):
        batch = batch_for(method, rows=8, seed=seed)
        loss_x, loss_u, weights, state = adaptive_steps.softmatch(
            forward(method), as_numpy(batch), state, 0.3, sigmas, align
        )
        terms, reports = method.step_losses(batch)
        assert value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
        assert value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)
        np.testing.assert_allclose(reports["kept"], weights, rtol=1e-4)
        assert float(method.mean) == pytest.approx(state[0], rel=1e-4)
        assert float(method.variance) == pytest.approx(state[1], rel=1e-4)
        if align:
            np.testing.assert_allclose(method.class_means, state[2], rtol=1e-4)
    assert 0 < weights.min() < 0.9 and weights.max() == 1


def test_the_guess_is_not_aligned():
    """Only its weight is: the targets are the classes that the network predicts."""
    method = trained_a_little("softmatch", statistics_decay=1.0)
    batch = batch_for(method)
    method.mean.assign(0.99)
    method.variance.assign(0.1)
    method.class_means.assign([0.997, 0.001, 0.001, 0.001])
    losses = [np.array(method.step_losses(batch)[0]["loss_u"].values)]
    weights = [np.array(method.step_losses(batch)[1]["kept"])]
    method.class_means.assign([0.25] * 4)
    losses.append(np.array(method.step_losses(batch)[0]["loss_u"].values))
    weights.append(np.array(method.step_losses(batch)[1]["kept"]))
    assert (weights[0] != weights[1]).any()
    np.testing.assert_allclose(
        losses[0] / weights[0], losses[1] / weights[1], rtol=1e-4
    )


def test_published_settings():
    config, theirs = softmatch.Config().for_run(2**20), fixmatch.Config()
    assert (config.lambda_u, config.statistics_decay) == (1, 0.999)
    for name in ("optimizer", "learning_rate", "weight_decay", "weight_decay_form"):
        assert getattr(config, name) == getattr(theirs, name)
    assert softmatch.SoftMatch.recipe(config) == fixmatch.FixMatch.recipe(theirs)
