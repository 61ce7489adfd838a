from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.parts.terms import mean_over_replicas
from mixdmt_tf.algorithms.segmentation import cutmix
from mixdmt_tf.data import draws
from mixdmt_tf.data.augment import jitter
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.errors import UsageError
from tests.algorithms.segmentation import batches, stepping
from tests.oracles import boxes, segmentation_steps

SIZE = (7, 5)


@pytest.mark.parametrize("area", [0.5, 0.2])
@pytest.mark.parametrize("ramp, length, step", [(0.0, 0, 0), (0.4, 40, 20)])
def test_a_step_follows_the_paper(ramp, length, step, area):
    method = batches.plain(
        "cutmix", lambda_u=2.0, lambda_u_ramp=ramp, box_area=area, unlabeled_ratio=3
    )
    batch = batches.batch_for(method, step=step, size=SIZE)
    given = stepping.as_numpy(batch)
    masks = boxes.box_mask(given["u_box"], *SIZE, area)
    assert 0 < masks.mean() < 1
    teach = stepping.pixelwise(method.teacher.get_weights())
    expected = stepping.assert_steps_as(
        method,
        batch,
        lambda network: segmentation_steps.cutmix(
            network, teach, given, 2, length, 0.6, area
        ),
    )
    assert 0.1 < expected["sure"] < 0.9 and expected["loss_u"] > 0.1


def test_a_box_has_an_area():
    with pytest.raises(UsageError, match="box_area=0"):
        cutmix.Config(box_area=0.0)


def test_pixels_by_hand():
    """A box of the whole image; a threshold that is met counts, padding does not."""
    network = keras.Sequential([keras.Input((1, 4, 2)), keras.layers.Activation(None)])
    config = cutmix.Config(confidence_threshold=0.5, box_area=1.0)
    method = cutmix.CutMix(network, config, RunFacts(2, 1, 100))
    taught = np.array([[0.5, 0.5], [0.8, 0.2], [0.4, 0.6], [1.0, 0.0]])
    method.taught = lambda images: tf.constant(
        np.log(np.stack([taught, 1 - taught])[:, None] + 1e-9), tf.float32
    )
    p = np.array([[[0.6, 0.4], *[[0.5, 0.5]] * 3], [[0.1, 0.9]] * 4])
    batch = {
        "step": tf.constant(0, tf.int64),
        "x": tf.zeros([1, 1, 4, 2]),
        "y": tf.constant([[[0, 0, 0, 255]]]),
        "u": tf.constant(np.log(p)[:, None], tf.float32),
        "u_confidence": tf.constant([[[1.0, 1, 1, 0]], [[0, 0, 1, 1]]]),
        "u_box": tf.constant([[0.3, 0.5, 0.9]]),
    }
    terms, reports = method.step_losses(batch)
    assert float(reports["sure"]) == 1
    # Sums over both classes: .02, .18, .02.
    assert float(mean_over_replicas(terms["loss_u"])) == pytest.approx(0.22 / 3)
    assert float(terms["loss_u"].weight) == 1
    assert float(mean_over_replicas(terms["loss_x"])) == pytest.approx(np.log(2))

    surer = cutmix.Config(confidence_threshold=0.55, box_area=1.0)
    method.config = surer
    terms, reports = method.step_losses(batch)
    assert float(reports["sure"]) == pytest.approx(2 / 3)
    assert float(terms["loss_u"].weight) == pytest.approx(2 / 3)


def test_what_network_and_teacher_are_shown():
    """The teacher all images as they are; the network labelled ones and mixtures."""
    method = batches.plain("cutmix", one_pass=True)
    batch = batches.batch_for(method)
    given, network, taught = stepping.as_numpy(batch), method.network, method.taught
    seen, asked = [], []
    method.taught = lambda images: asked.append(images) or taught(images)
    method.network = lambda images, training: (
        seen.append(images) or network(images, training=training)
    )
    method.step_losses(batch)
    np.testing.assert_array_equal(asked, [given["u"]])
    masks = boxes.box_mask(given["u_box"], *batches.SIZE, 0.5)
    mixtures = boxes.paste(masks, given["u"][:2], given["u"][2:])
    np.testing.assert_array_equal(seen, [np.concatenate([given["x"], mixtures])])


def test_colours_are_jittered_for_the_network_and_not_for_the_teacher():
    method = batches.plain("cutmix", colour_jitter=1.0, colour_grey=0.5)
    batch, taught, seen = batches.batch_for(method), method.taught, []
    assert method.recipe(method.config).keys and len(batch["u_key"]) == 4
    method.taught = lambda images: seen.append(images) or taught(images)
    predict = method.predict
    method.predict = lambda x, u: seen.extend([x, u]) or predict(x, u)
    method.step_losses(batch)
    asked, labelled, mixtures = seen
    np.testing.assert_array_equal(asked, batch["u"])
    np.testing.assert_array_equal(labelled, batch["x"])
    drawn = draws.uniform_rows(batch["u_key"], "colours", [jitter.UNIFORMS])
    colours = jitter.colour_jitter(batch["u"], drawn, 1.0, 0.5).numpy()
    assert np.abs(colours - batch["u"]).max() > 0.1
    masks = boxes.box_mask(batch["u_box"].numpy(), *batches.SIZE, 0.5)
    expected = boxes.paste(masks, colours[:2], colours[2:])
    np.testing.assert_allclose(mixtures, expected, rtol=1e-6)


def test_one_pass_through_batch_normalization():
    """Of the mixtures; what the teacher sees moves no statistics."""
    method = batches.build("cutmix", one_pass=True)
    batch = batches.batch_for(method)
    given, before = stepping.as_numpy(batch), method.teacher.get_weights()
    masks = boxes.box_mask(given["u_box"], *batches.SIZE, 0.5)
    mixtures = boxes.paste(masks, given["u"][:2], given["u"][2:])
    images = np.concatenate([given["x"], mixtures])
    stepping.assert_one_pass_over(method, batch, images)
    for got, expected in zip(method.teacher.get_weights(), before):
        np.testing.assert_array_equal(got, expected)


def test_settings_of_the_release():
    config = cutmix.Config()
    assert (config.confidence_threshold, config.box_area) == (0.97, 0.5)
    assert (config.lambda_u, config.lambda_u_ramp, config.ema_decay) == (1, 0, 0.99)
    assert cutmix.CutMix.recipe(config) == Recipe(2, boxes=True)
