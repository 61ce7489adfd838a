"""DMT-Naive, DMT-Flip, DST and DMT with two networks: the step of each."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.algorithms import dmt, dmt_flip, dmt_mutual, dmt_naive, dst
from tests.algorithms import batches, rounds, stepping

RULES = {"dmt_naive": "naive", "dmt_flip": "flip", "dst": "dmt", "dmt_mutual": "dmt"}


@pytest.mark.parametrize("ramp", [True, False])
@pytest.mark.parametrize("name", RULES)
def test_a_step_follows_the_paper(name, ramp):
    method = rounds.linear(name, gamma_ramp=ramp)
    rounds.assert_steps_as_the_paper(method, RULES[name])


@pytest.mark.parametrize("name", RULES)
def test_no_gradient_flows_through_the_weights(name):
    rounds.assert_no_gradient_through_weights(rounds.linear(name, gamma_ramp=False))


def judged(name, prepare, **settings):
    """Pseudo labels, and what a method makes of them: targets, weights and reports."""
    method = rounds.linear(name, gamma_ramp=False, **settings)
    batch = prepare(method, stepping.batch_for(method))
    images = np.concatenate([batch["x"], batch["u"][:, 0]])
    labels = np.eye(batches.CLASSES, dtype=np.float32)[batch["u_label"]]
    p = rounds.predicted(method, batch)
    return (labels, p, *method.weigh(batch, images, labels))


def test_naive_weights_ignore_who_is_surer():
    labels, p, targets, weights, _ = judged("dmt_naive", rounds.disagreeing)
    np.testing.assert_array_equal(targets, labels)
    expected = (labels * p).sum(-1) ** rounds.GAMMAS[0]
    np.testing.assert_allclose(weights, expected, rtol=1e-4)
    assert np.min(weights) > 0
    other = judged("dmt_naive", rounds.disagreeing, gamma2=0.5)
    np.testing.assert_array_equal(other[3], weights)


def test_flipped_labels_are_the_networks_own():
    """With the doubt that the other network had, here 1 - .2."""
    labels, p, targets, weights, reports = judged("dmt_flip", rounds.disagreeing)
    np.testing.assert_array_equal(reports["positive"], 1)
    np.testing.assert_array_equal(targets, np.eye(batches.CLASSES)[p.argmax(-1)])
    np.testing.assert_allclose(weights, 0.8 ** rounds.GAMMAS[1], rtol=1e-5)
    assert (targets.numpy() != labels).any(-1).all()


@pytest.mark.parametrize("name", ["dmt_naive", "dmt_flip", "dst", "dmt_mutual"])
def test_in_agreement_all_are_dmt(name):
    expected = judged("dmt", rounds.agreeing)
    got = judged(name, rounds.agreeing)
    for one, other in zip(got[2:4], expected[2:4]):
        np.testing.assert_array_equal(one, other)


def test_what_the_variants_change():
    """Networks that go on need no ramp; only one method has two of them."""
    for module in (dmt, dmt_naive, dmt_flip):
        config = module.Config()
        assert config.restart and config.gamma_ramp and config.models == 1
        assert config.select_on == "best" and config.ema_warmup
    for module, models in ((dst, 1), (dmt_mutual, 2)):
        config = module.Config()
        assert not config.restart and not config.gamma_ramp
        assert config.models == models
    assert dmt_mutual.Config().select_on == "best"
    for module in (dmt_naive, dmt_flip, dst, dmt_mutual):
        assert module.Method.reported == dmt.Method.reported
        assert module.Method.loop == "rounds"
