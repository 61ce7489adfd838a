from __future__ import annotations

import keras
import numpy as np
import pytest

from mixdmt_tf.algorithms.segmentation import s4gan
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.errors import UsageError
from tests.algorithms.segmentation import batches, stepping
from tests.oracles import adversarial_steps, discriminators

PLAIN = {"discriminator_dropout": 0.0, "lambda_fm": 0.4, "lambda_u": 0.7}


def with_one_empty(batch):
    """The batch with an image of each kind of which nothing is known or seen."""
    given = {name: value.numpy() for name, value in batch.items()}
    given["y"][0], given["u_confidence"][1] = batches.IGNORED, 0
    return given


@pytest.mark.parametrize("step, begun", [(0, 0), (1, 1)])
@pytest.mark.parametrize("empty", [False, True])
def test_a_step_follows_the_paper(step, begun, empty):
    method = batches.plain("s4gan", realness_threshold=0.5, **PLAIN)
    batch = batches.batch_for(method, rows=3, step=step)
    batch = with_one_empty(batch) if empty else stepping.as_numpy(batch)
    weights = stepping.copied(method.discriminator.get_weights())
    *_, said = discriminators.image_discriminator(
        adversarial_steps.predict(
            stepping.pixelwise(method.network.get_weights()), batch["u"]
        )
        * (batch["u_confidence"] > 0)[..., None],
        batch["u"],
        weights,
    )
    # A threshold between the scores, so that some images pass.
    weights[-1] = weights[-1] - np.sort(said)[2:4].mean()
    method.discriminator.set_weights(weights)
    start = stepping.pixelwise(stepping.copied(method.network.get_weights()))
    expected = stepping.assert_steps_as(
        method,
        batch,
        lambda network: adversarial_steps.s4gan(
            network,
            lambda maps, images: discriminators.image_discriminator(
                maps, images, weights
            ),
            batch,
            (0.4, 0.7 * begun),
            0.5,
            believed=start,
        ),
    )
    assert 0.3 < expected["kept"] < 0.7 and expected["loss_u"] > 0.1


def test_the_discriminator_learns_to_tell_them_apart():
    method = batches.plain(
        "s4gan", discriminator_learning_rate=0.01, discriminator_dropout=0.0
    )
    method.compile(keras.optimizers.SGD(0.0))
    batch = batches.batch_for(method)
    losses = []
    for _ in range(15):
        logs, taken = stepping.step_of(method, batch)
        losses.append(logs["loss_fake"] + logs["loss_real"])
        assert not np.any(taken[0])
    assert losses[-1] < 0.7 * losses[0]


def test_a_step_of_which_no_image_is_kept_matches_features():
    method = batches.plain("s4gan", realness_threshold=1.0, **PLAIN)
    batch = batches.ignoring(batches.batch_for(method), "y")
    logs, taken = stepping.step_of(method, batch)
    # Nothing to compare with.
    assert logs["kept"] == logs["loss_fm"] == logs["loss"] == 0
    assert not np.any(taken[0])
    logs, taken = stepping.step_of(method, batches.batch_for(method))
    assert logs["kept"] == 0 and logs["loss_fm"] > 0.01
    assert np.isfinite(list(logs.values())).all() and np.any(taken[0])


def test_masks_of_dropout_change_from_step_to_step():
    """And are the same if a step is taken again, as in a run that is resumed."""
    method = batches.plain("s4gan", discriminator_dropout=0.5)
    batch = batches.batch_for(method)
    one, again = (method.step_losses(batch)[0]["loss_fm"].values for _ in "12")
    np.testing.assert_array_equal(one, again)
    images = np.concatenate([batch["x"], batch["u"]])
    maps = np.ones((*images.shape[:3], batches.CLASSES), np.float32)
    features = [
        method.discriminator([maps, each], training=True)[0]
        for each in (images, images + 1e-6)
    ]
    assert np.abs(features[0] - features[1]).max() > 0.01


def test_one_pass_through_batch_normalization():
    method = batches.build("s4gan", one_pass=True)
    batch = batches.batch_for(method)
    images = np.concatenate([batch["x"], batch["u"]])
    stepping.assert_one_pass_over(method, batch, images)


def test_a_crop_that_is_too_small():
    with pytest.raises(UsageError, match="--discriminator_layers=4 leave nothing"):
        batches.build("s4gan", discriminator_layers=4)


def test_settings_of_the_release():
    config = s4gan.Config()
    assert (config.lambda_fm, config.lambda_u) == (0.1, 1)
    assert (config.realness_threshold, config.discriminator_layers) == (0.6, 4)
    assert (config.learning_rate, config.discriminator_learning_rate) == (2.5e-4, 1e-4)
    assert s4gan.S4GAN.recipe(config) == Recipe(1)
