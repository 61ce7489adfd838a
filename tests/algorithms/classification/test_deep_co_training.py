from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.classification import deep_co_training
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import cross_entropy, fast_gradient_sign
from tests.algorithms.classification import batches, pairs, stepping
from tests.oracles import two_network_steps


@pytest.mark.parametrize("epsilon", [0.02, 0.2])
def test_losses_follow_the_paper(epsilon):
    """Values in [-1, 1] change by twice epsilon, which is of a range of 1."""
    method = pairs.linear("deep_co_training", epsilon=epsilon)
    batch = stepping.batch_for(method)
    terms, reports = method.step_losses(batch)
    expected = two_network_steps.deep_co_training(
        method.network.get_weights(),
        method.peer.get_weights(),
        stepping.as_numpy(batch),
        batches.CLASSES,
        2 * epsilon,
    )
    names = ("loss_x", "loss_x_peer", "loss_cot", "loss_diff")
    for name, wanted in zip(names, expected):
        assert stepping.value(terms[name]) == pytest.approx(wanted, rel=1e-4), name
    u = batch["u"][:, 0]
    same = np.argmax(method.network(u), -1) == np.argmax(method.peer(u), -1)
    np.testing.assert_array_equal(reports["agreement"], same)
    assert 0 < same.mean() < 1


def test_the_step_adds_the_terms_with_their_weights():
    method = pairs.linear("deep_co_training")
    batch = stepping.batch_for(method, step=5)
    terms, _ = method.step_losses(batch)
    values = {name: stepping.value(term) for name, term in terms.items()}
    ramp = two_network_steps.ramp(5, 13)  # 0.1333 of 100 steps
    expected = values["loss_x"] + values["loss_x_peer"]
    expected += ramp * (10 * values["loss_cot"] + 0.5 * values["loss_diff"])
    assert float(method.train_step(batch)["loss"]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("warmup", [0.0, 0.5])
def test_weights_grow_over_a_share_of_the_run(warmup):
    method = pairs.linear("deep_co_training", warmup=warmup)
    for step in (0, 25, 50, 99):
        terms, _ = method.step_losses(stepping.batch_for(method, 2, step))
        ramp = two_network_steps.ramp(step, 100 * warmup)
        assert float(terms["loss_cot"].weight) == pytest.approx(10 * ramp, rel=1e-5)
        assert float(terms["loss_diff"].weight) == pytest.approx(0.5 * ramp, rel=1e-5)


def test_it_asks_for_one_view_and_eleven_unlabelled_images():
    recipe = deep_co_training.DeepCoTraining.recipe(deep_co_training.Config())
    assert recipe == Recipe(unlabeled_views=1, unlabeled_ratio=11)


def test_the_learning_rate_is_the_published_one():
    """.05 (1 + cos(pi t / T)), which starts at .1 and ends at 0."""
    method = batches.build("deep_co_training")
    rate = method.groups["network"].learning_rate
    for step in (0, 30, 100):
        published = 0.05 * (1 + math.cos(math.pi * step / 100))
        assert float(rate(step)) == pytest.approx(published, abs=1e-6)


def test_adversarial_examples_are_constants_and_targets_are_not(monkeypatch):
    """The gradient is that of the formula with g1(x) and g2(x) given."""
    method = pairs.linear("deep_co_training")
    batch = stepping.batch_for(method)
    found = []

    def remember(*arguments):
        found.append(fast_gradient_sign(*arguments))
        return found[-1]

    monkeypatch.setattr(deep_co_training, "fast_gradient_sign", remember)
    both = [v for each in pairs.variables(method) for v in each]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(method.step_losses(batch)[0]["loss_diff"].values)
    got = tape.gradient(loss, both)
    g1, g2 = (tf.constant(each.numpy()) for each in found)
    images = tf.concat([batch["x"], batch["u"][:, 0]], 0)
    np.testing.assert_allclose(np.abs(g1 - images), 0.04, atol=1e-6)
    with tf.GradientTape() as tape:
        p1, p2 = (tf.nn.softmax(n(images)) for n in (method.network, method.peer))
        terms = (
            cross_entropy(p1, method.peer(g1)),
            cross_entropy(p2, method.network(g2)),
        )
        loss = tf.reduce_mean(terms[0] + terms[1])
    for one, other in zip(got, tape.gradient(loss, both)):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_each_network_resists_what_the_other_mistakes():
    """Adversarial examples cost their own network more than the clean images do."""
    method = pairs.linear("deep_co_training", epsilon=0.1)
    batch = stepping.batch_for(method)
    y = tf.one_hot(batch["y"], batches.CLASSES)
    nothing = tf.zeros([0, batches.CLASSES])
    moved = method._adversarial(method.network, batch["x"], y, nothing)
    clean = cross_entropy(y, method.network(batch["x"]))
    assert (cross_entropy(y, method.network(moved)) > clean).numpy().all()


def test_both_predictions_move_towards_each_other():
    method = pairs.linear("deep_co_training", lambda_diff=0.0, warmup=0.0)
    batch = stepping.batch_for(method)
    own, others = pairs.variables(method)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(method.step_losses(batch)[0]["loss_cot"].values)
    for gradient in tape.gradient(loss, [*own, *others]):
        assert np.abs(gradient).max() > 1e-5
    before = float(loss)
    for _ in range(10):
        method.train_step(batch)
    after = stepping.value(method.step_losses(batch)[0]["loss_cot"])
    assert after < 0.5 * before


def test_one_pass_of_labelled_and_unlabelled_images_moves_the_statistics():
    method = stepping.normalized("deep_co_training", unlabeled_ratio=2)
    batch = stepping.batch_for(method)
    view = batch["u"][:, 0]
    pairs.assert_one_joint_pass_moves_statistics(method, batch, (view, view))
