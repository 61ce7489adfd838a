from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.segmentation import gct
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.errors import UsageError
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.segmentation import batches, stepping
from tests.conformance.test_replicas import distribute
from tests.oracles import discriminators, gct_step

SIZE = (17, 19)  # of which some windows are larger than one pixel
LAYERS = {"discriminator_layers": 2}
WEIGHTS = {"lambda_dc": 3.0, "lambda_fc": 2.0}


def plain(**settings):
    settings = {"flaw_threshold": 0.3, **WEIGHTS, **LAYERS, **settings}
    return batches.plain("gct", **settings)


def oracle_of(method, batch, xi, network):
    """The step with other weights of the first network."""
    start, peer = (
        stepping.pixelwise(stepping.copied(each.get_weights()))
        for each in (method.network, method.peer)
    )
    if method.detector is None:

        def detect(maps, images):
            return 1 - maps.max(-1)

    else:
        weights = stepping.copied(method.detector.get_weights())

        def detect(maps, images):
            return discriminators.flaw_detector(maps, images, weights)

    return gct_step.gct(
        (network or start, peer), detect, batch, (3, 2), 15, xi, believed=(start, peer)
    )


def test_a_step_follows_the_paper():
    method = plain()
    batch = batches.batch_for(method, rows=1, size=SIZE, step=10)
    given = stepping.as_numpy(batch)
    expected = oracle_of(method, given, 0.3, None)
    before = method.peer.get_weights()
    stepping.assert_steps_as(
        method, batch, lambda network: oracle_of(method, given, 0.3, network)
    )
    for name in ("taught", "taught_peer", "both_flawed"):
        assert 0.05 < expected[name] < 0.95, name
    assert expected["loss_fc"] > 0.01 and expected["loss_flaw"] > 0.01
    assert np.any(before[0] != method.peer.get_weights()[0])


def test_both_networks_take_the_same_step_in_each_others_place():
    one, other = plain(), plain()
    other.network.set_weights(one.peer.get_weights())
    other.peer.set_weights(one.network.get_weights())
    batch = batches.batch_for(one)
    logs = [stepping.step_of(each, batch)[0] for each in (one, other)]
    for name in ("loss_x", "loss_dc", "loss_fc", "taught"):
        assert logs[0][name] == pytest.approx(logs[1][f"{name}_peer"], rel=1e-5)
    for got, expected in zip(one.peer.get_weights(), other.network.get_weights()):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_confidence_in_place_of_a_detector():
    method = plain(flaw="confidence")
    assert method.detector is None and list(method.groups) == ["network"]
    batch = batches.batch_for(method, rows=1, step=10)
    expected = oracle_of(method, stepping.as_numpy(batch), 0.3, None)
    del expected["loss_flaw"]
    logs, _ = stepping.step_of(method, batch)
    assert {name: logs[name] for name in expected} == pytest.approx(expected, rel=1e-4)


@pytest.mark.long
def test_the_detector_learns_where_errors_are():
    method = plain(discriminator_learning_rate=0.01)
    method.compile(keras.optimizers.SGD(0.0))
    batch = batches.batch_for(method)
    losses = []
    for _ in range(30):
        logs, taken = stepping.step_of(method, batch)
        losses.append(logs["loss_flaw"])
        assert not np.any(taken[0])
    assert losses[-1] < 0.7 * losses[0]


def test_equal_networks_teach_each_other_nothing():
    method = plain()
    method.peer.set_weights(method.network.get_weights())
    logs, _ = stepping.step_of(method, batches.batch_for(method))
    assert logs["taught"] == logs["taught_peer"] == logs["loss_dc"] == 0


def test_replicas_normalize_the_detectors_maps_together():
    one, strategy = plain(), mirrored_strategy()
    with strategy.scope():
        other = plain()
    pair = [batches.batch_for(one, seed=seed, size=SIZE) for seed in (0, 1)]
    probs = [np.random.default_rng(s).dirichlet([1] * 4, (2, *SIZE)) for s in (0, 1)]
    pair = [
        {"p": tf.constant(p, tf.float32), "x": batch["x"]}
        for p, batch in zip(probs, pair)
    ]
    expected = one.flaws(*(tf.concat([each[k] for each in pair], 0) for k in "px"))
    got = strategy.run(
        lambda batch: other.flaws(batch["p"], batch["x"]),
        args=(distribute(strategy, *pair),),
    )
    np.testing.assert_allclose(
        np.concatenate([each.numpy() for each in got.values]), expected, atol=1e-5
    )


def test_one_pass_through_batch_normalization():
    method = batches.build("gct", one_pass=True)
    batch = batches.batch_for(method)
    images = np.concatenate([batch["x"], batch["u"]])
    stepping.assert_one_pass_over(method, batch, images)


def test_a_crop_that_is_too_small_for_the_detector():
    with pytest.raises(UsageError, match="at most 2"):
        batches.build("gct", discriminator_layers=3)
    batches.build("gct", discriminator_layers=3, flaw="confidence")


def test_settings_of_the_release():
    config = gct.Config()
    assert (config.lambda_dc, config.lambda_fc, config.flaw_threshold) == (100, 1, 0.6)
    assert (config.learning_rate, config.discriminator_learning_rate) == (0.001, 4e-4)
    assert gct.GCT.recipe(config) == Recipe(1)


def test_a_detector_without_bounds_is_penalized_below_zero_too():
    """Its loss is of what it says, not of what is compared."""
    method = plain()
    batch = batches.batch_for(method)
    method.flaws = lambda probs, images: tf.fill(tf.shape(probs)[:3], -2.0)
    terms, reports = method.step_losses(batch)
    known = batch["y"] != batches.IGNORED
    values = terms["loss_flaw"].values[: len(batch["y"])][known]
    assert float(tf.reduce_min(values)) >= 4
    assert float(tf.reduce_max(reports["both_flawed"][0])) == 0
