from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import pseudo_label
from tests.algorithms.classification import batches, stepping
from tests.oracles import consistency_steps

THRESHOLD = 0.6


@pytest.mark.parametrize("reduction", ["masked", "released"])
def test_losses_follow_the_paper(reduction):
    method = stepping.trained_a_little(
        "pseudo_label", confidence_threshold=THRESHOLD, reduction=reduction
    )
    batch = stepping.batch_for(method, rows=12)
    terms, reports = method.step_losses(batch)
    loss_x, loss_u = consistency_steps.pseudo_label(
        stepping.forward(method.network),
        stepping.as_numpy(batch),
        batches.CLASSES,
        THRESHOLD,
        released=reduction == "released",
    )
    assert 0 < np.mean(reports["kept"]) < 1
    assert stepping.value(terms["loss_x"]) == pytest.approx(loss_x, rel=1e-4)
    assert stepping.value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)
    logs = method.train_step(batch)
    assert float(logs["loss_u"]) == pytest.approx(loss_u, rel=1e-4)


def certain(losses):
    """Logits of two classes whose cross-entropy with the likelier one is given."""
    p = np.exp(-np.asarray(losses))
    return np.log(np.stack([p, 1 - p], -1)).astype(np.float32)


@pytest.mark.parametrize("reduction", ["masked", "released"])
def test_both_reductions_by_hand(reduction):
    """Losses .1, .2 and .6 of which the first two are sure: .3 / 3, and .3 * 2 / 3."""
    network = keras.Sequential([keras.Input((1, 1, 2)), keras.layers.Flatten()])
    config = pseudo_label.Config(confidence_threshold=0.7, reduction=reduction)
    method = pseudo_label.PseudoLabel(network, config, base.RunFacts(2, 3, 100))
    logits = certain([0.1, 0.2, 0.6])
    batch = {
        "step": np.int64(99),
        "x": tf.reshape(logits, [3, 1, 1, 2]),
        "y": tf.constant([0, 0, 0]),
        "u": tf.reshape(logits, [3, 1, 1, 1, 2]),
        "u_truth": tf.constant([0, 0, 0]),
    }
    expected = {"masked": 0.1, "released": 0.2}[reduction]
    terms, reports = method.step_losses(batch)
    loss_u = base.mean_over_replicas(terms["loss_u"])
    assert float(loss_u) == pytest.approx(expected, rel=1e-5)
    assert np.mean(reports["kept"]) == pytest.approx(2 / 3)


def test_unsure_rows_are_learnt_from_as_released_only():
    for reduction, learns in (("masked", False), ("released", True)):
        method = stepping.trained_a_little(
            "pseudo_label", confidence_threshold=THRESHOLD, reduction=reduction
        )
        batch = stepping.batch_for(method, rows=12)
        with tf.GradientTape() as tape:
            tape.watch(batch["u"])
            terms, _ = method.step_losses(batch)
            loss = base.mean_over_replicas(terms["loss_u"])
        per_row = np.abs(tape.gradient(loss, batch["u"])).max((1, 2, 3, 4))
        sure = tf.reduce_max(tf.nn.softmax(method.predict(batch["u"][:, 0])), -1)
        unsure = sure.numpy() <= THRESHOLD
        assert (per_row[~unsure] > 0).all()
        assert (per_row[unsure] > 0).all() == learns


def test_nothing_sure_costs_nothing():
    method = batches.build("pseudo_label", confidence_threshold=1.0)
    batch = stepping.batch_for(method)
    assert float(method.train_step(batch)["loss_u"]) == 0.0


def test_with_a_weight_of_0_it_is_supervised():
    stepping.assert_learns_as_supervised(
        "pseudo_label", lambda_u=0.0, confidence_threshold=0.0
    )
