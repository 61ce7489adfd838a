"""Co-teaching, Co-teaching+ and Decoupling: the step of each."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.classification import (
    co_teaching,
    co_teaching_plus,
    curriculum_labeling,
    decoupling,
)
from tests.algorithms.classification import batches, rounds, stepping
from tests.oracles import dmt_step, teaching

NAMES = ("co_teaching", "co_teaching_plus", "decoupling")
RATES = {"noise_rate": 0.4, "forget_ramp": 0.5}


def made(name, **settings):
    """Two linear networks of different weights."""
    rates = {} if name == "decoupling" else {**RATES}
    method = rounds.linear(name, **{**rates, **settings})
    rng = np.random.default_rng(7)
    shapes = [w.shape for w in method.peer.get_weights()]
    method.peer.set_weights([rng.normal(0, 0.3, shape) for shape in shapes])
    return method


def judged(method, batch):
    """Probabilities of the pseudo-labelled images by both networks."""
    return [
        dmt_step.predict(stepping.forward(network), batch["u"][:, 0].numpy())
        for network in (method.network, method.peer)
    ]


@pytest.mark.parametrize("step", [5, 20, 80])
@pytest.mark.parametrize("name", NAMES)
def test_a_step_follows_the_paper(name, step):
    method = made(name)
    batch = stepping.batch_for(method, rows=10, step=step)
    given = stepping.as_numpy(batch)
    forget = teaching.forget_rate(step / rounds.STEPS, 0.4, 0.5)
    picked = teaching.chosen(
        name, judged(method, batch), given["u_label"], forget, warm=step < 10
    )
    terms, reports = method.step_losses(batch)
    np.testing.assert_array_equal(reports["weight"], picked[0])
    for suffix, network, weights in (
        ("", method.network, picked[0]),
        ("_peer", method.peer, picked[1]),
    ):
        forward = stepping.forward(network)
        expected = teaching.losses(forward, given, weights, batches.CLASSES)
        for term, value in zip(("loss_x", "loss_u"), expected):
            found = stepping.value(terms[term + suffix])
            assert found == pytest.approx(value, rel=1e-4), term + suffix
    assert 0 < np.mean(picked[0]) < 1
    if name == "co_teaching":
        assert (picked[0] != picked[1]).any()


@pytest.mark.parametrize("name", NAMES)
def test_each_network_learns_its_own_terms_only(name):
    method = made(name)
    batch = stepping.batch_for(method, step=60)
    for suffix, own, other in (
        ("", method.network, method.peer),
        ("_peer", method.peer, method.network),
    ):
        with tf.GradientTape(persistent=True) as tape:
            terms, _ = method.step_losses(batch)
            loss = tf.reduce_sum(terms["loss_u" + suffix].values)
        moved = tape.gradient(loss, own.trainable_variables)
        assert max(np.abs(each).max() for each in moved) > 1e-4
        assert tape.gradient(loss, other.trainable_variables) == [None, None]


def test_networks_that_agree_teach_each_other_nothing():
    """What Decoupling is criticized for: twins stop learning from pseudo labels."""
    for name, number in (("decoupling", 0), ("co_teaching_plus", 0)):
        method = made(name)
        method.peer.set_weights(method.network.get_weights())
        terms, reports = method.step_losses(
            rounds.unmixed(stepping.batch_for(method, step=60))
        )
        assert np.sum(reports["differ"]) == np.sum(reports["weight"]) == number
        assert not np.any(terms["loss_u"].values)
        assert np.all(terms["loss_x"].values > 0)


def test_without_noise_co_teaching_is_curriculum_labeling():
    method = made("co_teaching", noise_rate=0.0)
    plain = rounds.linear("curriculum_labeling")
    plain.network.set_weights(method.network.get_weights())
    batch = stepping.batch_for(method, step=60)
    found, expected = method.step_losses(batch)[0], plain.step_losses(batch)[0]
    for term in ("loss_x", "loss_u"):
        np.testing.assert_allclose(found[term].values, expected[term].values, rtol=1e-5)


def test_the_estimate_is_used_unless_a_rate_is_given():
    """The task's facts say .3."""
    method = batches.build("co_teaching", forget_ramp=0.0)
    batch = stepping.batch_for(method, rows=10)
    assert np.sum(method.step_losses(batch)[1]["weight"]) == 14  # of 20
    method = batches.build("co_teaching", forget_ramp=0.0, noise_rate=0.5)
    assert np.sum(method.step_losses(batch)[1]["weight"]) == 10


def test_labels_may_have_weights_of_their_own():
    rounds.assert_weights_of_the_labels_count(made("co_teaching"))


def test_settings_are_those_of_the_rounds():
    theirs = curriculum_labeling.CurriculumLabeling.config_class()
    for module in (co_teaching, co_teaching_plus):
        config = module.Config()
        assert config.noise_rate is None and config.noise_from == "validation"
        assert config.forget_ramp == 0.05
        assert config.learning_rate == theirs.learning_rate
    assert co_teaching_plus.Config().agreement_warmup == 0.1
    config = decoupling.Decoupling.config_class()
    assert not hasattr(config, "noise_rate") and config.restart
