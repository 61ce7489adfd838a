from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import dmt
from mixdmt_tf.algorithms.parts.weighting import CASES
from tests.algorithms.classification import batches, rounds, stepping
from tests.oracles import dmt_step


@pytest.mark.parametrize("mixup_beta", [0.75, 0.0])
@pytest.mark.parametrize("ramp", [True, False])
def test_a_step_follows_the_paper(ramp, mixup_beta):
    method = rounds.linear("dmt", gamma_ramp=ramp, mixup_beta=mixup_beta)
    batch = stepping.batch_for(method, step=60)
    assert ("lam" in batch) == bool(mixup_beta)
    _, reports = method.step_losses(batch)
    cases = np.stack([reports[case] for case in CASES], -1)
    np.testing.assert_array_equal(cases.sum(-1), 1)
    assert (cases.sum(0) > 0).all()  # all three are among the rows
    rounds.assert_steps_as_the_paper(method, "dmt")


def test_one_lam_that_favours_the_own_example_mixes_everything():
    """lam = .2 counts as .8, for images, targets and weights."""
    method = rounds.linear("dmt")
    batch = stepping.batch_for(method)
    outcomes = []
    for lam in (0.2, 0.8):
        mixed = {**batch, "lam": tf.fill(tf.shape(batch["lam"]), lam)}
        outcomes.append(rounds.rows_of(method.step_losses(mixed)[0]))
    np.testing.assert_allclose(*outcomes, rtol=1e-5)
    recipe = method.recipe(method.config)
    assert recipe.mixup_shared and recipe.mixup_groups == (3,) and recipe.pseudo


def test_weights_of_eq_6_by_hand():
    """p_B = [.6, .3, .1], gamma 4 and 1: both agreements and all disagreements."""
    network = keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Flatten()])
    config = dmt.Config(gamma1=4.0, gamma2=1.0, gamma_ramp=False, unlabeled_ratio=4)
    method = dmt.DMT(network, config, base.RunFacts(3, 1, 100))
    images = tf.reshape(np.log([[0.6, 0.3, 0.1]] * 5).astype(np.float32), [5, 1, 1, 3])
    batch = {
        "u_label": tf.constant([0, 1, 1, 2]),
        "u_confidence": tf.constant([0.8, 0.8, 0.55, 0.34]),
        "u_truth": tf.constant([0, 0, -1, -2]),
    }
    labels = tf.one_hot(batch["u_label"], 3)
    targets, weights, reports = method.weigh(batch, images, labels)
    np.testing.assert_allclose(weights, [0.1296, 0.3, 0, 0], rtol=1e-5)
    np.testing.assert_array_equal(targets, labels)
    expected = {
        "agree": [1, 0, 0, 0],
        "negative": [0, 1, 0, 0],
        "positive": [0, 0, 1, 1],
    }
    for name, rows in expected.items():
        np.testing.assert_array_equal(reports[name], rows)
    # Of the third unknown the class; the fourth is known to be of none.
    np.testing.assert_array_equal(reports["weight_right"][1], [1, 0, 0, 0])
    np.testing.assert_array_equal(reports["weight_wrong"][1], [0, 1, 0, 1])
    for name in ("weight_right", "weight_wrong"):
        np.testing.assert_array_equal(reports[name][0], weights)


def test_mixup_of_images_targets_and_weights_by_hand():
    """lam .8, weights 1 and .5: loss .424204, of mixtures predicted [.4, .6], [.7, .3].

    The linear network adds up to those; the pseudo label is the second row.
    """
    network = keras.Sequential([keras.Input((1, 1, 2)), keras.layers.Flatten()])
    config = dmt.Config(unlabeled_ratio=1)
    method = dmt.DMT(network, config, base.RunFacts(2, 1, 100))
    method.compile()
    mixtures = np.log([[0.4, 0.6], [0.7, 0.3]])
    images = np.linalg.solve([[0.8, 0.2], [0.2, 0.8]], mixtures).astype(np.float32)
    method.weigh = lambda batch, images, labels: (labels, tf.constant([0.5]), {})
    batch = {
        "x": tf.reshape(images[0], [1, 1, 1, 2]),
        "y": tf.constant([1]),
        "u": tf.reshape(images[1], [1, 1, 1, 1, 2]),
        "u_label": tf.constant([0]),
        "x_weight": tf.constant([1.0]),
        "u_weight": tf.constant([1.0]),
        "lam": tf.constant([0.8, 0.8]),
        "partner": tf.constant([1, 0]),
    }
    terms, _ = method.step_losses(batch)
    np.testing.assert_allclose(
        rounds.rows_of(terms), [0.591919 * 0.9, 0.526135 * 0.6], rtol=1e-5
    )
    loss = sum(each.weight * stepping.value(each) for each in terms.values())
    assert float(loss) == pytest.approx(0.424204, rel=1e-5)


@pytest.mark.parametrize(
    ("step", "gamma"),
    [(0, 0.0269518), (10, 0.0696895), (25, 0.2402187), (50, 1.1460192), (100, 4.0)],
)
def test_gammas_grow(step, gamma):
    for ramp, expected in ((True, gamma), (False, 4.0)):
        method = rounds.linear("dmt", gamma1=4.0, gamma_ramp=ramp)
        _, reports = method.step_losses(stepping.batch_for(method, step=step))
        assert float(reports["gamma"]) == pytest.approx(expected, rel=1e-4)


def test_both_gammas_grow():
    """Each row's weight is the power that belongs to its case."""
    method = rounds.linear("dmt", gamma1=4.0, gamma2=1.0)
    batch = stepping.batch_for(method, step=50)
    _, reports = method.step_losses(batch)
    labels = batch["u_label"].numpy()
    p = rounds.predicted(method, batch)[np.arange(len(labels)), labels]
    powers = dmt_step.ramped(4, 0.5), dmt_step.ramped(1, 0.5)
    expected = p ** powers[0] * reports["agree"] + p ** powers[1] * reports["negative"]
    np.testing.assert_allclose(reports["weight"], expected, rtol=1e-5)


def test_no_gradient_flows_through_the_weights():
    rounds.assert_no_gradient_through_weights(rounds.linear("dmt", gamma_ramp=False))


@pytest.mark.parametrize("mixed", [False, True])
def test_in_agreement_and_with_powers_of_0_it_is_curriculum_labeling(mixed):
    outcomes = []
    for name, own in (
        ("dmt", {"gamma1": 0.0, "gamma2": 0.0}),
        ("curriculum_labeling", {}),
    ):
        method = rounds.linear(name, **own)
        batch = rounds.agreeing(method, stepping.batch_for(method))
        logs, taken = rounds.step_of(method, batch if mixed else rounds.unmixed(batch))
        outcomes.append([logs["loss"], logs["loss_x"], logs["loss_u"], *taken])
    for one, other in zip(*outcomes):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


def test_in_positive_disagreement_only_labels_are_learnt():
    """Rows that weigh nothing are still among the N that are divided by."""
    method = rounds.linear("dmt")
    supervised = rounds.linear("supervised", weight_decay=0.0)
    batch = rounds.unmixed(stepping.batch_for(method))
    batch = rounds.disagreeing(method, batch)
    logs, taken = rounds.step_of(method, batch)
    plain, expected = rounds.step_of(supervised, batch)
    assert float(logs["positive"]) == 1 and float(logs["weight"]) == 0
    assert float(logs["loss_u"]) == 0
    np.testing.assert_allclose(logs["loss_x"], plain["loss_x"], rtol=1e-6)
    np.testing.assert_allclose(logs["loss"], plain["loss"] / 3, rtol=1e-6)
    for got, wanted in zip(taken, expected):
        np.testing.assert_allclose(got, wanted / 3, rtol=1e-4, atol=1e-7)


def test_pseudo_labels_are_learnt_and_hidden_classes_are_not():
    method = rounds.linear("dmt")
    batch = stepping.batch_for(method)
    before = rounds.rows_of(method.step_losses(batch)[0])
    truth = (batch["u_truth"] + 1) % batches.CLASSES
    told = rounds.rows_of(method.step_losses({**batch, "u_truth": truth})[0])
    np.testing.assert_array_equal(told, before)
    for name, other in (
        ("u_label", (batch["u_label"] + 1) % batches.CLASSES),
        ("u_confidence", tf.zeros_like(batch["u_confidence"])),
    ):
        moved = rounds.rows_of(method.step_losses({**batch, name: other})[0])
        assert (moved != before).any(), name


def statistics(network):
    return [w.numpy() for w in network.weights if "moving" in w.name]


@pytest.mark.parametrize("name", ["dmt", "curriculum_labeling"])
def test_passes_through_batch_normalization(name):
    """DMT asks in a pass over what is not mixed, labelled images and all, as released.

    Its batch statistics judge the images, and both passes move the running ones.
    """
    method = stepping.normalized(name, unlabeled_ratio=2)
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.1, 0.9, w.shape) for w in method.network.get_weights()]
    method.network.set_weights(weights)
    batch = stepping.batch_for(method)
    batch["lam"] = tf.fill(tf.shape(batch["lam"]), 0.6)
    alone = keras.models.clone_model(method.network)
    alone.set_weights(weights)
    images = np.concatenate([batch["x"], batch["u"][:, 0]])
    if name == "dmt":
        logits = alone(images, training=True).numpy()[len(batch["x"]) :]
        p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    alone(0.6 * images + 0.4 * images[batch["partner"].numpy()], training=True)
    _, reports = method.step_losses(batch)
    before = [w for w, v in zip(weights, alone.weights) if "moving" in v.name]
    for old, got, expected in zip(
        before, statistics(method.network), statistics(alone)
    ):
        assert np.abs(old - expected).max() > 1e-3
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    if name == "dmt":
        gammas = (dmt_step.ramped(4, 0.3),) * 2
        labels = dmt_step.one_hot(batch["u_label"].numpy(), batches.CLASSES)
        expected = dmt_step.dynamic.dynamic_weight(
            labels, batch["u_confidence"].numpy(), p, *gammas
        )
        np.testing.assert_allclose(reports["weight"], expected, rtol=1e-4)
