from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import mixdmt, realmix
from mixdmt_tf.equations import masked_mean
from mixdmt_tf.rounds import plan
from tests.algorithms.classification import batches, stepping
from tests.oracles import mixdmt_step

ROWS = 6


def trained_a_little(**settings):
    """With predictions that differ, and about half of the labels agreed with."""
    return stepping.trained_a_little("mixdmt", **settings)


def batch_for(method, **settings):
    batch = batches.make(method.recipe(method.config), ROWS, **settings)
    p, _ = method.guess(tf.unstack(batch["u"], axis=1))
    agreed = np.arange(len(p)) % 2 == 0
    labels = np.where(agreed, p.numpy().argmax(-1), batch["u_label"].numpy())
    return {**batch, "u_label": tf.constant(labels.astype(np.int32))}


def oracle(method, batch, **arguments):
    def forward(images):
        return method.network(tf.constant(images, tf.float32)).numpy()

    given = {name: each.numpy() for name, each in batch.items()}
    gammas = method.config.gamma1, method.config.gamma2
    return mixdmt_step.losses(forward, given, batches.CLASSES, gammas, **arguments)


def value(term):
    ones = tf.ones_like(term.values)
    return float(masked_mean(term.values, ones if term.mask is None else term.mask))


@pytest.mark.parametrize("mixup", ["joint", "separate"])
@pytest.mark.parametrize("ratio, guesses", [(1, 2), (2, 1), (2, 3)])
def test_losses_follow_the_description(mixup, ratio, guesses):
    method = trained_a_little(
        mixup=mixup,
        guesses=guesses,
        unlabeled_ratio=ratio,
        temperature=0.7,
        gamma1=1.5,
        gamma2=0.5,
    )
    batch = batch_for(method)
    terms, reports = method.step_losses(batch)
    *expected, trust = oracle(method, batch, temperature=0.7)
    for name, wanted in zip(("loss_x", "loss_p", "loss_u"), expected):
        assert value(terms[name]) == pytest.approx(wanted, rel=1e-4), name
    np.testing.assert_allclose(reports["weight"][0], trust, rtol=1e-4, atol=1e-6)
    assert 0 < np.count_nonzero(trust) < len(trust)


def test_without_labels_of_another_network_it_is_mixmatch():
    method = trained_a_little(unlabeled_ratio=1)
    plain = batches.build("mixmatch")
    plain.network.set_weights(method.network.get_weights())
    batch = {**batch_for(method), "u_kept": tf.zeros([ROWS])}
    terms, _ = method.step_losses(batch)
    same, _ = plain.step_losses(batch)
    for name, term in same.items():
        np.testing.assert_allclose(terms[name].values, term.values, rtol=1e-5)
        assert float(terms[name].weight) == pytest.approx(float(term.weight))
    # Rows mixed up with labelled ones have a share of their weight.
    partners = batch["partner"].numpy()[ROWS:]
    peers = terms["loss_p"].values.numpy()
    assert (peers[partners >= ROWS] == 0).all() and (peers[partners < ROWS] > 0).any()


def test_gammas_grow_if_they_are_asked_to():
    """Else a network that begins anew believes no label before it has learned some."""
    early, late = {}, {}
    for ramp in (False, True):
        method = trained_a_little(gamma_ramp=ramp)
        batch = batch_for(method)
        for found, step in ((early, 1), (late, method.facts.steps)):
            _, reports = method.step_losses({**batch, "step": tf.constant(step)})
            found[ramp] = reports["weight"][0].numpy()
    np.testing.assert_allclose(late[True], late[False], rtol=1e-5)
    assert early[True].sum() > early[False].sum()


def test_without_refinement_each_loss_has_a_target_of_its_own():
    method = trained_a_little(refine=False)
    batch = batch_for(method)
    terms, _ = method.step_losses(batch)
    *expected, _ = oracle(method, batch, refined=False)
    *refined, _ = oracle(method, batch)
    assert expected[1] != pytest.approx(refined[1], rel=1e-2)
    for name, wanted in zip(("loss_x", "loss_p", "loss_u"), expected):
        assert value(terms[name]) == pytest.approx(wanted, rel=1e-4), name


def test_of_kept_images_alone_all_labels_count():
    method = trained_a_little(unkept=False)
    batch = batch_for(method)
    assert "u_kept" not in batch
    terms, reports = method.step_losses(batch)
    *expected, trust = oracle(
        method, {**batch, "u_kept": tf.ones_like(batch["u_weight"])}
    )
    for name, wanted in zip(("loss_x", "loss_p", "loss_u"), expected):
        assert value(terms[name]) == pytest.approx(wanted, rel=1e-4), name
    np.testing.assert_allclose(reports["weight"][0], trust, rtol=1e-4, atol=1e-6)
    assert np.count_nonzero(trust) == len(trust)


def test_reports_are_of_the_labels_that_were_kept():
    """In the first of many rounds hardly any are, and their weights say something."""
    method = trained_a_little(unlabeled_ratio=1)
    kept, right = np.arange(ROWS) < 4, np.arange(ROWS) % 3 == 0
    batch = {**batch_for(method), "u_kept": tf.constant(kept, tf.float32)}
    batch["u_truth"] = tf.where(right, batch["u_label"], -2)
    trust = np.array(oracle(method, batch)[-1])
    logs = method.train_step(batch)
    every = np.ones(ROWS, bool)
    for name, rows in (("", every), ("_right", right), ("_wrong", ~right)):
        expected = trust[kept & rows].mean()
        assert float(logs[f"weight{name}"]) == pytest.approx(expected, rel=1e-4)
    cases = [float(logs[name]) for name in ("agree", "negative", "positive")]
    assert sum(cases) == pytest.approx(1) and cases[0] == 0.5


def test_masked_images_do_not_count():
    method = trained_a_little(ood_score="oracle", unlabeled_ratio=1)
    truth = np.array([0, -2, -1, -3, 2, 1], np.int32)
    batch = {**batch_for(method), "u_truth": tf.constant(truth)}
    terms, _ = method.step_losses(batch)
    inside = np.tile(truth >= -1, 2)
    _, loss_p, loss_u, _ = oracle(method, batch, inside=inside)
    assert value(terms["loss_p"]) == pytest.approx(loss_p, rel=1e-4)
    assert value(terms["loss_u"]) == pytest.approx(loss_u, rel=1e-4)
    assert not (terms["loss_p"].over_all or terms["loss_u"].over_all)
    method = trained_a_little(ood_score="oracle", unlabeled_ratio=1, ood_mean="all")
    terms, _ = method.step_losses(batch)
    assert terms["loss_p"].over_all and terms["loss_u"].over_all


def test_no_gradient_flows_through_weights_and_targets():
    method = trained_a_little(guesses=1)
    batch = batch_for(method)
    constant = method.guess(tf.unstack(batch["u"], axis=1))

    def gradient():
        with tf.GradientTape() as tape:
            terms, _ = method.step_losses(batch)
            loss = tf.add_n([tf.reduce_mean(terms[n].values) for n in terms])
        return tape.gradient(loss, method.network.trainable_variables)

    free = gradient()
    method.guess = lambda views: constant
    for got, expected in zip(free, gradient()):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-8)


def test_it_has_two_learners_that_realmix_begins():
    config = mixdmt.Config()
    assert (config.models, config.restart, config.unlabeled_ratio) == (2, False, 1)
    assert mixdmt.MixDMT.base_method == "realmix"
    names = [each.name for each in plan.stages((0.5, 1.0), config.models, False)]
    assert names[:2] == ["base_a", "base_b"] and len(names) == 6
    assert isinstance(mixdmt.MixDMT, type) and issubclass(mixdmt.MixDMT, base.Algorithm)


def test_all_settings_of_the_base_models_can_be_given():
    """Stages take those that both have: others would stay at RealMix's defaults."""
    own, base_models = (
        {each.name for each in dataclasses.fields(config)}
        for config in (mixdmt.Config, realmix.Config)
    )
    assert base_models <= own
