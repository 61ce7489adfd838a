"""DMT, DMT-Naive, DMT-Flip, DST and CBST: the step of each."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.parts import segmentation_rounds
from mixdmt_tf.algorithms.parts.weighting import CASES
from mixdmt_tf.algorithms.segmentation import dmt
from mixdmt_tf.data.segmentation.recipe import Recipe
from tests.algorithms.segmentation import batches, stepping
from tests.oracles import segmentation_steps

RULES = {
    "dmt": "dmt",
    "dmt_naive": "naive",
    "dmt_flip": "flip",
    "dst": "dmt",
    "cbst": "none",
}
GAMMAS = (3.0, 2.0)
SIZE = (5, 4)


def with_gammas(name, **given):
    """A method on single pixels; those that weigh do it with two different powers."""
    if RULES[name] != "none":
        given = {"gamma1": GAMMAS[0], "gamma2": GAMMAS[1], **given}
    return batches.plain(name, **given)


@pytest.mark.parametrize("ratio", [1, 3])
@pytest.mark.parametrize("name", RULES)
def test_a_step_follows_the_paper(name, ratio):
    method = with_gammas(name, unlabeled_ratio=ratio)
    batch = batches.batch_for(method, size=SIZE, seed=ratio)
    given = stepping.as_numpy(batch)
    judging = stepping.pixelwise(method.network.get_weights())
    expected = stepping.assert_steps_as(
        method,
        batch,
        lambda network: segmentation_steps.rounds(
            network, given, RULES[name], GAMMAS, judging
        ),
    )
    if RULES[name] != "none":
        assert all(0.03 < expected[case] < 0.97 for case in CASES)
        assert sum(expected[case] for case in CASES) == pytest.approx(1)


def of_three_pixels(name):
    """The example of two classes and powers of 5, one pixel being ignored."""
    network = keras.Sequential([keras.Input((1, 3, 2)), keras.layers.Activation(None)])
    method_class = algorithms.method("segmentation", name)
    method = method_class(network, method_class.config_class(), RunFacts(2, 1, 100))
    p = np.array([[0.6, 0.4], [0.2, 0.8], [0.9, 0.1]])
    batch = {
        "step": tf.constant(3, tf.int64),
        "x": tf.zeros([1, 1, 3, 2]),
        "y": tf.fill([1, 1, 3], batches.IGNORED),
        "u": tf.constant(np.log(p).reshape(1, 1, 3, 2), tf.float32),
        "u_label": tf.constant([[[0, 0, batches.IGNORED]]]),
        "u_confidence": tf.constant([[[0.7, 0.5, 0.99]]]),
    }
    return method, batch


@pytest.mark.parametrize(
    "name, weights, loss",
    [
        ("dmt", [0.07776, 0, 0], 0.0198609),
        ("dst", [0.07776, 0, 0], 0.0198609),
        ("dmt_naive", [0.07776, 0.00032, 0], 0.0201184),
        ("dmt_flip", [0.07776, 0.03125, 0], 0.0233475),
        ("cbst", [1, 1, 0], 1.0601318),
    ],
)
def test_three_pixels_by_hand(name, weights, loss):
    method, batch = of_three_pixels(name)
    labels = tf.one_hot(batch["u_label"], 2)
    targets, weighed, _ = method.weigh(
        labels, batch["u_confidence"], tf.nn.softmax(batch["u"])
    )
    np.testing.assert_allclose(weighed[0, 0], weights, rtol=1e-5)
    classes = [[1, 0], [0, 1] if name == "dmt_flip" else [1, 0], [0, 0]]
    np.testing.assert_array_equal(targets[0, 0], classes)
    terms, reports = method.step_losses(batch)
    term = terms["loss_xu"]
    np.testing.assert_array_equal(term.mask, [[[0, 0, 0]], [[1, 1, 0]]])
    mean = tf.reduce_sum(term.values * term.mask) / tf.reduce_sum(term.mask)
    assert float(mean) == pytest.approx(loss, rel=1e-5)
    assert not term.over_all and term.weight == 1
    if name == "cbst":
        assert set(reports) == {"loss_x", "loss_u"}
        return
    for case, pixels in (("agree", [1, 0]), ("negative", [0, 0]), ("positive", [0, 1])):
        values, counted = reports[case]
        np.testing.assert_array_equal(values[0, 0, :2], pixels)
        np.testing.assert_array_equal(counted, [[[1, 1, 0]]])


def test_a_tie_of_confidences_keeps_the_pseudo_label():
    """Eq. 6: c_A >= c_B is negative disagreement."""
    method, batch = of_three_pixels("dmt")
    labels = tf.one_hot([[[1, 1]]], 2)
    probs = tf.constant([[[[0.75, 0.25], [0.75, 0.25]]]])
    confidence = tf.constant([[[0.75, np.nextafter(0.75, 0, dtype=np.float32)]]])
    _, weights, _ = method.weigh(labels, confidence, probs)
    np.testing.assert_allclose(weights[0, 0], [0.25**5, 0], rtol=1e-6)


def test_powers_are_constant_in_a_round():
    """Networks that go on have something to say from the first step on."""
    method = with_gammas("dmt")
    first, last = (
        method.step_losses(batches.batch_for(method, step=step))[1]["weight"][0].numpy()
        for step in (0, batches.STEPS - 1)
    )
    np.testing.assert_array_equal(first, last)
    assert first.max() > 0.1


@pytest.mark.parametrize("name", ["dmt", "dmt_flip"])
def test_in_agreement_and_with_powers_of_0_it_is_cbst(name):
    weighing = batches.plain(name, gamma1=0.0, gamma2=0.0)
    batch = batches.batch_for(weighing)
    own = tf.argmax(weighing.network(batch["u"]), -1, tf.int32)
    ignored = batch["u_label"] == batches.IGNORED
    batch["u_label"] = tf.where(ignored, batches.IGNORED, own)
    cbst = batches.plain("cbst")
    logs, expected = stepping.assert_learn_alike(weighing, cbst, batch, batch)
    assert logs["agree"] == logs["weight"] == 1
    for key in expected:
        assert logs[key] == pytest.approx(expected[key], rel=1e-5)


def test_pseudo_labels_that_weigh_nothing_are_still_counted():
    """In positive disagreement labels alone are learned, their share being smaller."""
    method, supervised = batches.plain("dmt"), batches.plain("supervised")
    batch = batches.batch_for(method)
    own = tf.argmin(method.network(batch["u"]), -1, tf.int32)
    kept = (batch["u_label"] != batches.IGNORED) & (batch["u_confidence"] > 0)
    batch["u_label"] = tf.where(kept, own, batches.IGNORED)
    batch["u_confidence"] = tf.fill(tf.shape(batch["u_confidence"]), 0.2)
    n = np.sum(batch["y"] != batches.IGNORED)
    share = n / (n + np.sum(kept))
    logs, plain = stepping.assert_learn_alike(method, supervised, batch, batch, share)
    assert logs["positive"] == 1 and logs["weight"] == logs["loss_u"] == 0
    assert logs["loss_x"] == pytest.approx(plain["loss_x"], rel=1e-5)
    assert logs["loss"] == pytest.approx(share * plain["loss"], rel=1e-5)


def test_the_naive_variant_has_no_second_power():
    batch = None
    outcomes = []
    for gamma2 in (1.0, 9.0):
        method = with_gammas("dmt_naive", gamma2=gamma2)
        batch = batch or batches.batch_for(method)
        outcomes.append(stepping.step_of(method, batch)[0]["loss"])
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("name", ["dmt", "cbst"])
def test_one_pass_through_batch_normalization(name):
    """That which is trained on is also the one that weighs."""
    method = batches.build(name)
    batch = batches.batch_for(method)
    images = tf.concat([batch["x"], batch["u"]], 0)
    stepping.assert_one_pass_over(method, batch, images)


def test_weights_come_from_the_pass_that_is_learnt_from():
    """Normalized by the statistics of labelled and pseudo-labelled images together."""
    method = batches.build("dmt")
    batch = batches.batch_for(method)
    images = tf.concat([batch["x"], batch["u"]], 0)
    p = tf.nn.softmax(method.network(images, training=True))[len(batch["x"]) :]
    seen = []
    method.weigh = lambda labels, confidence, probs: (
        seen.append(probs) or (labels, confidence, {})
    )
    method.step_losses(batch)
    np.testing.assert_allclose(seen[0], p, rtol=1e-5)


def test_what_differs_between_them():
    """Tables 1 and 7, and algorithm 2, whose networks go on from their own weights."""
    models = {"dmt": 2, "dmt_naive": 2, "dmt_flip": 2, "dst": 1, "cbst": 1}
    assert models.keys() == RULES.keys()
    for name, number in models.items():
        method_class = algorithms.method("segmentation", name)
        config = method_class.config_class()
        assert config.models == number and not config.restart
        assert (config.learning_rate, config.base_learning_rate) == (0.001, 0.002)
        assert (config.rounds, config.fractions, config.unlabeled_ratio) == (
            None,
            "",
            7,
        )
        assert method_class.recipe(config) == Recipe(7, pseudo=True)
        assert method_class.loop == "rounds"
        if name != "cbst":
            assert (config.gamma1, config.gamma2) == (5, 5)
            assert method_class.reported == dmt.DMT.reported
    assert (
        algorithms.method("segmentation", "cbst").reported
        == segmentation_rounds.Round.reported
    )
