"""What a network takes from the images before training."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.runs import beginning
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


@pytest.mark.parametrize("algorithm", ["mean_teacher", "dual_student"])
def test_so_are_a_teacher_and_a_second_network(algorithm, tmp_path):
    flags = ("--network=whitened_cnn", "--filters=2", f"--algorithm={algorithm}")
    task = open_task(tiny.experiment(tmp_path, *flags))
    task = task.replace(task.resolve())
    one_device = tf.distribute.get_strategy()
    method = beginning.algorithm(task, task.draw_split(), one_device)
    beginning.initialize(method, task)

    other = method.teacher or method.peer
    ours, theirs = (
        each.get_layer("whitening").get_weights() for each in (method.network, other)
    )
    for one, another in zip(ours, theirs):
        np.testing.assert_array_equal(one, another)
    assert np.abs(ours[1]).max() > 0  # the bias, which is 0 before


@pytest.mark.long
def test_a_teacher_has_frozen_layers_of_the_network_after_a_stop(tmp_path):
    """Checkpoints hold weights of the network, and averages of those in training."""
    flags = ("--network=whitened_cnn", "--filters=2", "--algorithm=mean_teacher")
    flags += ("--steps=4", "--eval_every=4", "--checkpoint_every=2", "--warmup=0")
    straight = tiny.session(tmp_path / "straight", *flags)
    assert straight.code == 0, straight.err
    stop = {("progress", 2): tiny.TERMINATE}
    assert tiny.session(tmp_path / "stopped", *flags, moments=stop).code == 143
    resumed = tiny.session(tmp_path / "stopped", *flags)
    assert resumed.digest == straight.digest
