from __future__ import annotations

import keras
import numpy as np
import pytest

from mixdmt_tf.algorithms.segmentation import adversarial
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.errors import UsageError
from tests.algorithms.segmentation import batches, stepping
from tests.oracles import adversarial_steps, discriminators

WEIGHTS = {"lambda_adv": 0.5, "lambda_adv_u": 0.3, "lambda_u": 0.7}


def judge_of(method):
    """The discriminator as an oracle calls it."""
    weights = stepping.copied(method.discriminator.get_weights())
    return lambda maps: discriminators.map_discriminator(maps, weights)


@pytest.mark.parametrize("step, begun", [(24, 0), (25, 1)])
def test_a_step_follows_the_paper(step, begun):
    method = batches.plain("adversarial", realness_threshold=0.38, **WEIGHTS)
    batch = batches.batch_for(method, step=step)
    given, judge = stepping.as_numpy(batch), judge_of(method)
    start = stepping.pixelwise(stepping.copied(method.network.get_weights()))
    weights = (0.5, 0.3, 0.7 * begun)
    expected = stepping.assert_steps_as(
        method,
        batch,
        lambda network: adversarial_steps.hung(
            network, judge, given, weights, 0.38, believed=start
        ),
    )
    assert 0.1 < expected["kept"] < 0.9 and expected["loss_u"] > 0.1


def test_the_discriminator_learns_to_tell_them_apart():
    method = batches.plain("adversarial", discriminator_learning_rate=0.01)
    method.compile(keras.optimizers.SGD(0.0))
    batch = batches.batch_for(method)
    losses = []
    for _ in range(15):
        logs, taken = stepping.step_of(method, batch)
        losses.append(logs["loss_fake"] + logs["loss_real"])
        assert not np.any(taken[0])
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("released", [False, True])
def test_a_step_of_which_no_pixel_is_kept(released):
    """Is finite, and has an adversarial loss, but for the release."""
    settings = {"realness_threshold": 1.0, "adversary_needs_kept": released}
    for step in (10, 30):  # before and after self-training begins
        method = batches.plain("adversarial", **WEIGHTS, **settings)
        batch = batches.ignoring(batches.batch_for(method, step=step), "y")
        logs, taken = stepping.step_of(method, batch)
        assert logs["kept"] == logs["loss_u"] == 0 and logs["loss_adv_u"] > 0.1
        assert np.isfinite(list(logs.values())).all()
        moves = step == 10 or not released
        assert [np.any(each != 0) for each in taken] == [moves] * 2
        assert logs["loss"] == pytest.approx(moves * 0.3 * logs["loss_adv_u"])


def test_maps_are_empty_beside_an_image_and_where_ignored():
    method = batches.plain("adversarial")
    batch, seen = batches.batch_for(method), []
    inner = method.discriminator
    method.judged = lambda maps, inside: (
        seen.append((maps * inside[..., None]).numpy())
        or inner(maps * inside[..., None])[..., 0]
    )
    method.step_losses(batch)
    fake, real = seen
    known = batch["y"].numpy() != batches.IGNORED
    inside = np.concatenate([known, batch["u_confidence"].numpy() > 0])
    assert 0.1 < inside.mean() < 0.9
    np.testing.assert_allclose(fake.sum(-1), inside, atol=1e-6)
    np.testing.assert_array_equal(real.sum(-1), known)


def test_one_pass_through_batch_normalization():
    method = batches.build("adversarial", one_pass=True)
    batch = batches.batch_for(method)
    images = np.concatenate([batch["x"], batch["u"]])
    stepping.assert_one_pass_over(method, batch, images)


def test_labelled_and_unlabelled_images_are_normalized_apart():
    """By default, as in the release: labels are learnt as if there were no others."""
    settings = {"lambda_u": 0.0, "lambda_adv": 0.0, "lambda_adv_u": 0.0}
    method = batches.build("adversarial", **settings)
    supervised = batches.build("supervised")
    for each in (method, supervised):
        each.compile(keras.optimizers.SGD(1.0))
    batch = batches.batch_for(method)
    logs, _ = stepping.assert_learn_alike(method, supervised, batch, batch)
    assert logs["loss"] == logs["loss_x"]


def test_a_crop_that_is_too_small():
    with pytest.raises(UsageError, match="--discriminator_layers=5 leave nothing"):
        batches.build("adversarial", discriminator_layers=5)


def test_settings_of_the_release():
    config = adversarial.Config()
    weights = (config.lambda_adv, config.lambda_adv_u, config.lambda_u)
    assert weights == (0.01, 0.001, 0.1) and config.realness_threshold == 0.2
    assert (config.learning_rate, config.weight_decay) == (0.00025, 0.0005)
    assert adversarial.Adversarial.recipe(config) == Recipe(1)
    method = batches.build("adversarial")
    adam = method.groups["discriminator"].optimizer
    assert (adam.beta_1, adam.beta_2) == (0.9, 0.99)
    rate = method.groups["discriminator"].learning_rate
    assert float(rate(25)) == pytest.approx(1e-4 * 0.75**0.9)
