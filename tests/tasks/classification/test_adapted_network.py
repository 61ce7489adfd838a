"""What a network takes from the images before training."""

import numpy as np

from mixdmt_tf.tasks import open_task
from tests.tasks.classification import tiny


def test_a_network_that_whitens_is_given_the_training_images(tmp_path):
    flags = ("--network=whitened_cnn", "--filters=2")
    task = open_task(tiny.experiment(tmp_path, *flags))
    model = task.network()
    task.initialize(model)

    images = task.source.train.images[:, ..., 0] / 127.5 - 1
    patches = [images[:, y : y + 2, x : x + 2] for y in range(7) for x in range(7)]
    rows = np.concatenate(patches).reshape(-1, 4)
    kernel, bias = model.get_layer("whitening").get_weights()
    covariance = np.cov((rows @ kernel.reshape(4, 8)[:, :4] + bias[:4]).T)
    np.testing.assert_allclose(covariance, np.eye(4), atol=0.01)
