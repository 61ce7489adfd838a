from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.algorithms.segmentation import mlmt
from mixdmt_tf.data.segmentation.recipe import Recipe
from tests.algorithms.segmentation import batches, stepping
from tests.oracles import image_labels


@pytest.mark.parametrize("step, weight", [(10, 0), (11, 0.02), (35, 0.5), (99, 1)])
@pytest.mark.parametrize("empty", [False, True])
def test_a_step_follows_the_paper(step, weight, empty):
    method = batches.plain("mlmt")
    batch = batches.batch_for(method, step=step, rows=3)
    given = stepping.as_numpy(batch)
    if empty:  # an image of each kind of which nothing is known or seen
        given["y"][0], given["u_confidence"][1] = batches.IGNORED, 0
    teach = stepping.pixelwise(method.teacher.get_weights())
    expected = stepping.assert_steps_as(
        method,
        given,
        lambda network: image_labels.mlmt(network, teach, given, weight),
    )
    assert expected["loss_u"] > 0.1 and 0 < expected["recall"] < 1


def test_it_learns_which_classes_an_image_shows():
    method = batches.build(
        "mlmt", "rows", learning_rate=0.3, learning_rate_schedule="constant"
    )
    batch = batches.batch_for(method)
    logs = [stepping.step_of(method, batch)[0] for _ in range(100)]
    assert logs[0]["loss_x"] > 2 * logs[-1]["loss_x"]
    assert logs[-1]["recall"] > 0.9


def test_pooling_commutes_with_the_last_layer():
    """The mean of a 1x1 convolution is that of its input under the same weights."""
    rng = np.random.default_rng(0)
    features, kernel = rng.normal(size=(2, 5, 4, 6)), rng.normal(size=(6, 3))
    maps = (features @ kernel).astype(np.float32)
    of_image, counts = mlmt.pooled(maps, np.ones((2, 5, 4), np.float32))
    expected = features.mean((1, 2)) @ kernel
    np.testing.assert_allclose(of_image, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(counts, [1, 1])


def test_one_pass_through_batch_normalization():
    method = batches.build("mlmt", one_pass=True)
    batch = batches.batch_for(method)
    images = np.concatenate([batch["x"], batch["u"]])
    stepping.assert_one_pass_over(method, batch, images)


def test_settings_of_the_release():
    config = mlmt.Config()
    assert (config.learning_rate, config.nesterov) == (0.03, True)
    assert (config.weight_decay, config.ema_decay) == (1e-5, 0.999)
    assert mlmt.MLMT.recipe(config) == Recipe(5)
