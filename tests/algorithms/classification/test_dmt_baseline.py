from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.classification import dmt_baseline
from tests.algorithms.classification import batches, rounds, stepping
from tests.oracles import dmt_step


def batch_with(method, lam):
    batch = stepping.batch_for(method)
    return {**batch, "lam": tf.fill(tf.shape(batch["lam"]), lam)}


@pytest.mark.parametrize("lam", [0.0, 0.2, 0.5, 0.9])
def test_the_loss_follows_the_release(lam):
    method = rounds.linear("dmt_baseline")
    batch = batch_with(method, lam)
    expected = dmt_step.baseline(
        stepping.forward(method.network), stepping.as_numpy(batch), batches.CLASSES
    )
    logs, _ = rounds.step_of(method, batch)
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-4)
    assert float(logs["loss_x"]) == pytest.approx(expected, rel=1e-4)


def test_the_own_example_may_be_the_smaller_part():
    """lam = .2 stays .2; with a permutation that swaps, rows change places with .8."""
    method = rounds.linear("dmt_baseline")
    swapped = tf.constant([1, 0, 3, 2, 5, 4])
    rows = [
        method.step_losses({**batch_with(method, lam), "partner": swapped})[0][
            "loss_x"
        ].values.numpy()
        for lam in (0.2, 0.8)
    ]
    np.testing.assert_allclose(rows[0], rows[1][swapped], rtol=1e-4)
    assert np.abs(rows[0] - rows[1]).min() > 1e-3


@pytest.mark.parametrize("mixed", [True, False])
def test_without_mixing_it_is_supervised(mixed):
    """With lam = 1, or without mixup at all."""
    method = rounds.linear("dmt_baseline", mixup_beta=0.75 * mixed)
    supervised = rounds.linear("supervised", weight_decay=0.0)
    batch = batch_with(method, 1.0) if mixed else stepping.batch_for(method)
    assert ("lam" in batch) == mixed
    logs, taken = rounds.step_of(method, batch)
    plain, expected = rounds.step_of(supervised, batch)
    np.testing.assert_allclose(logs["loss"], plain["loss"], rtol=1e-6)
    for got, wanted in zip(taken, expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-7)


def test_it_asks_for_labelled_images_and_one_lam():
    recipe = dmt_baseline.DMTBaseline.recipe(dmt_baseline.Config())
    assert recipe.unlabeled_views == 0 and not recipe.pseudo
    assert recipe.mixup_groups == (1,) and recipe.mixup_shared
    assert recipe.mixup_beta == 0.75
    assert (recipe.augment, recipe.fill) == ("randaugment_dmt", 128)
    other = dmt_baseline.Config(augment="cutout", mixup_beta=0.0)
    assert dmt_baseline.DMTBaseline.recipe(other).augment == "cutout"
    assert dmt_baseline.DMTBaseline.recipe(other).mixup_groups == ()
    assert dmt_baseline.DMTBaseline.loop == "single"
