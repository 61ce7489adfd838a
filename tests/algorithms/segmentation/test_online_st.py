from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.segmentation import online_st
from mixdmt_tf.data.segmentation.recipe import Recipe
from tests.algorithms.segmentation import batches, stepping
from tests.oracles import segmentation_steps

SIZE = (5, 4)


@pytest.mark.parametrize("lambda_u", [1.0, 0.3])
@pytest.mark.parametrize("threshold", [0.9, 0.6])
def test_the_loss_is_one_mean_over_labelled_and_sure_pixels(threshold, lambda_u):
    method = batches.plain(
        "online_st", confidence_threshold=threshold, lambda_u=lambda_u
    )
    method.network.set_weights([3 * w for w in method.network.get_weights()])
    batch = batches.batch_for(method, size=SIZE)
    given = stepping.as_numpy(batch)
    expected = stepping.assert_steps_as(
        method,
        batch,
        lambda network: segmentation_steps.online_self_training(
            network, given, threshold, lambda_u
        ),
    )
    assert 0 < expected["kept"] < 1


def test_sure_guesses_are_labels_like_any_other():
    """The step is that of supervised training on labels and sure pixels."""
    method, supervised = batches.plain("online_st"), batches.plain("supervised")
    batch = batches.batch_for(method)
    p = tf.nn.softmax(method.network(batch["u"])).numpy()
    sure = (p.max(-1) > 0.6) & (batch["u_confidence"].numpy() > 0)
    assert 0 < sure.mean() < 1
    guesses = np.where(sure, p.argmax(-1), batches.IGNORED).astype(np.int32)
    together = {
        "step": batch["step"],
        "x": tf.concat([batch["x"], batch["u"]], 0),
        "y": tf.concat([batch["y"], guesses], 0),
    }
    logs, plain = stepping.assert_learn_alike(method, supervised, batch, together)
    assert logs["loss"] == pytest.approx(plain["loss"], rel=1e-5)


@pytest.mark.parametrize("given", [{"lambda_u": 0.0}, {"confidence_threshold": 1.0}])
def test_with_a_weight_of_0_or_nothing_sure_it_is_supervised(given):
    method = batches.plain("online_st", **{"confidence_threshold": 0.0, **given})
    supervised = batches.plain("supervised")
    batch = batches.batch_for(method)
    logs, plain = stepping.assert_learn_alike(method, supervised, batch, batch)
    assert logs["kept"] == ("lambda_u" in given)
    assert logs["loss"] == pytest.approx(plain["loss"], rel=1e-5)


def test_a_prediction_at_the_threshold_is_not_sure_and_padding_never_is():
    """Of two classes; the first has a probability of exactly one half."""
    network = keras.Sequential([keras.Input((1, 3, 2)), keras.layers.Activation(None)])
    config = online_st.Config(confidence_threshold=0.5, unlabeled_ratio=1)
    method = online_st.OnlineST(network, config, RunFacts(2, 1, 100))
    batch = {
        "x": tf.zeros([1, 1, 3, 2]),
        "y": tf.constant([[[0, 255, 1]]]),
        "u": tf.constant([[[[0, 0], [0, 0.01], [9, 0]]]], tf.float32),
        "u_confidence": tf.constant([[[1.0, 1.0, 0.0]]]),
    }
    terms, reports = method.step_losses(batch)
    np.testing.assert_array_equal(terms["loss_xu"].mask, [[[1, 0, 1]], [[0, 1, 0]]])
    kept, counted = reports["kept"]
    np.testing.assert_array_equal(kept * counted, [[[0, 1, 0]]])
    np.testing.assert_array_equal(counted, [[[1, 1, 0]]])


def test_one_pass_through_batch_normalization():
    method = batches.build("online_st")
    batch = batches.batch_for(method)
    images = tf.concat([batch["x"], batch["u"]], 0)
    stepping.assert_one_pass_over(method, batch, images)


def test_settings_of_section_5_4():
    config = online_st.Config()
    assert (config.confidence_threshold, config.learning_rate) == (0.9, 0.001)
    assert (config.epochs, config.lambda_u) == (20, 1)
    assert online_st.OnlineST.recipe(config) == Recipe(7)
    assert online_st.OnlineST.loop == "single"
