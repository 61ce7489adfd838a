"""A run whose result is the second of two networks, which wants images of its own."""

from __future__ import annotations

import dataclasses
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.errors import UserError
from mixdmt_tf.models import deeplab_v2
from mixdmt_tf.runs import beginning, trained, transfer
from mixdmt_tf.runs.checkpoints import Checkpoints
from mixdmt_tf.tasks import open_task
from tests.oracles import resnet as oracle
from tests.tasks.segmentation import short

FIRST = deeplab_v2.DeepLabV2(14, 1, normalization="coco", normalization_b="imagenet")
FLAGS = ("--algorithm=supervised", "--steps=4")


def settings(network, folder="runs/x", start=""):
    found = short.experiment(folder, *FLAGS)
    run = dataclasses.replace(found.run, network="deeplab_v2", init_from=start)
    return dataclasses.replace(found, run=run, network=network)


def built(config, seed):
    keras.utils.set_random_seed(seed)
    return config.build_segmenter((17, 17, 3), 11)


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """The folder of a run whose B won, and B's network."""
    folder = tmp_path_factory.mktemp("second") / "run"
    folder.mkdir()
    network = built(FIRST.second(), 3)
    state = tf.train.Checkpoint(network=network, average=MovingAverage(network))
    Checkpoints(folder / "checkpoints", state).save(4)
    trained.describe(open_task(settings(FIRST.second()), short.load()), folder)
    flagfile = settings(FIRST, str(folder)).flagfile()
    (folder / "flags.txt").write_text(flagfile, encoding="utf-8")
    return folder, network


def test_its_weights_predict_as_they_were_trained(second):
    folder, network = second
    model = trained.load(open_task(settings(FIRST, str(folder))), folder)
    images = np.random.default_rng(0).integers(0, 256, (1, 17, 17, 3), np.uint8)
    got = model.scorer.probabilities(tf.constant(images))
    expected = tf.nn.softmax(network(images / 127.5 - 1, training=False))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    first = built(FIRST, 3)
    first.set_weights(network.get_weights())
    other = tf.nn.softmax(first(images / 127.5 - 1, training=False))
    assert np.abs(other - expected).max() > 1e-3


def test_another_run_starts_with_them_only_if_it_treats_images_alike(second):
    folder, theirs = second
    alike = dataclasses.replace(FIRST, normalization="imagenet")
    network = built(alike, 4)
    task = open_task(settings(alike, start=str(folder)), short.load())
    transfer.initialize(network, task)
    for one, other in zip(network.get_weights(), theirs.get_weights()):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(UserError, match="another network: --normalization=imagenet"):
        transfer.require_same_network(folder, settings(FIRST, start=str(folder)))


def test_a_file_gives_the_second_network_of_a_method_no_head(tmp_path, capsys):
    """Or it would remain the twin of the first."""
    rates = FIRST.atrous_rates
    np.savez(tmp_path / "w.npz", **oracle.weights(14, 1, 11, [*rates]))
    config = dataclasses.replace(FIRST, pretrained=str(tmp_path / "w.npz"))
    task = open_task(settings(config), short.load())
    first, peer = built(config, 4), built(config, 5)
    made = types.SimpleNamespace(network=first, peer=peer, has_peer=True)
    made.weights_replaced = lambda: None

    beginning.initialize(made, task)

    assert "its last layer is new in any case" in capsys.readouterr().out
    for layer in first.layers:
        own = peer.get_layer(layer.name).get_weights()
        same = [*map(np.array_equal, layer.get_weights(), own)]
        assert same == [not layer.name.startswith("aspp_")] * len(own)
