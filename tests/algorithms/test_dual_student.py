from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms import dual_student
from mixdmt_tf.data.recipe import Recipe
from tests.algorithms import batches, pairs, stepping
from tests.oracles import two_network_steps

CONSTRAINTS = (
    "loss_consistency",
    "loss_consistency_peer",
    "loss_stabilization",
    "loss_stabilization_peer",
)


def students(**settings):
    """Two students, both sure of some images, and a batch of similar views."""
    method = pairs.linear("dual_student", size=0.7, **settings)
    batch = stepping.batch_for(method, rows=30)
    first, second = tf.unstack(batch["u"], axis=1)
    near = tf.stack([first, 0.7 * first + 0.3 * second], axis=1)
    return method, {**batch, "u": near}


def test_losses_follow_the_paper():
    method, batch = students()
    terms, reports = method.step_losses(batch)
    expected, stable = two_network_steps.dual_student(
        stepping.forward(method.network),
        stepping.forward(method.peer),
        stepping.as_numpy(batch),
        batches.CLASSES,
        0.8,
    )
    assert set(terms) == set(expected)
    for name, wanted in expected.items():
        assert wanted > 1e-4
        assert stepping.value(terms[name]) == pytest.approx(wanted, rel=1e-4), name
    np.testing.assert_array_equal(reports["stable"], stable[0])
    np.testing.assert_array_equal(reports["stable_peer"], stable[1])
    # Images of every kind: both are stable, the one, the other, neither.
    assert len({tuple(pair) for pair in stable.T}) == 4


@pytest.mark.parametrize("ratio", [1, 3])
def test_the_step_adds_the_terms_as_the_release(ratio):
    """Sums over labelled or unlabelled images are divided by all of them."""
    method, batch = students(unlabeled_ratio=ratio)
    losses, _ = two_network_steps.dual_student(
        stepping.forward(method.network),
        stepping.forward(method.peer),
        stepping.as_numpy(batch),
        batches.CLASSES,
        0.8,
    )
    expected = two_network_steps.dual_student_loss(
        losses, len(batch["x"]), len(batch["u"])
    )
    assert float(method.train_step(batch)["loss"]) == pytest.approx(expected, rel=1e-4)


def test_weights_grow_over_a_share_of_the_run():
    method = pairs.linear("dual_student", warmup=0.5, unlabeled_ratio=1)
    for step in (0, 25, 50, 99):
        terms, _ = method.step_losses(stepping.batch_for(method, 2, step))
        ramp = two_network_steps.ramp(step, 50)
        weights = [float(terms[name].weight) for name in CONSTRAINTS]
        expected = [10 * ramp, 10 * ramp, 50 * ramp, 50 * ramp]
        assert weights == pytest.approx(expected, rel=1e-5)


def test_it_asks_for_two_views_and_as_many_images_as_labels():
    recipe = dual_student.Method.recipe(dual_student.Config())
    assert recipe == Recipe(unlabeled_views=2, unlabeled_ratio=1)


def test_settings_are_those_of_the_release():
    config = dual_student.Config()
    assert (config.optimizer, config.momentum, config.nesterov) == ("sgd", 0.9, True)
    assert (config.learning_rate, config.learning_rate_schedule) == (0.1, "cosine")
    assert (config.weight_decay, config.weight_decay_form) == (0.0001, "l2")


@pytest.mark.parametrize("learner", [0, 1])
def test_gradients_reach_the_student_who_learns_only(learner):
    """And only by way of its own view: the other view and the other student stand."""
    method, batch = students()
    own, others = pairs.variables(method)
    mine, not_mine = (own, others) if learner == 0 else (others, own)
    suffix = ("", "_peer")[learner]
    for name in ("loss_consistency", "loss_stabilization"):
        with tf.GradientTape() as tape:
            term = method.step_losses(batch)[0][name + suffix]
            values = term.values if term.mask is None else term.values * term.mask
            loss = tf.reduce_mean(values)
        gradients = tape.gradient(loss, [*mine, *not_mine])
        assert gradients[len(mine) :] == [None] * len(not_mine)
        assert all(np.abs(each).max() > 1e-6 for each in gradients[: len(mine)])
        # By hand: targets are numbers.
        network, view = (method.network, 0) if learner == 0 else (method.peer, 1)
        target = tf.nn.softmax(network(batch["u"][:, 1 - view])).numpy()
        if name == "loss_stabilization":
            teacher = method.peer if learner == 0 else method.network
            target = tf.nn.softmax(teacher(batch["u"][:, 1 - view])).numpy()
        with tf.GradientTape() as tape:
            p = tf.nn.softmax(network(batch["u"][:, view]))
            values = tf.reduce_mean(tf.square(p - target), -1)
            loss = tf.reduce_mean(values if term.mask is None else values * term.mask)
        for got, wanted in zip(gradients, tape.gradient(loss, mine)):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-7)


def test_nobody_learns_where_nobody_is_stable():
    method, batch = students(stable_threshold=1.0)
    terms, reports = method.step_losses(batch)
    for name in ("loss_stabilization", "loss_stabilization_peer"):
        assert stepping.value(terms[name]) == 0.0
    assert float(tf.reduce_sum(reports["stable"] + reports["stable_peer"])) == 0


def test_one_pass_of_labels_and_the_own_view_moves_the_statistics():
    method = stepping.normalized("dual_student", unlabeled_ratio=2)
    batch = stepping.batch_for(method)
    views = tf.unstack(batch["u"], axis=1)
    pairs.assert_one_joint_pass_moves_statistics(method, batch, views)
