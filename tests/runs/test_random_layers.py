"""Layers whose random numbers a checkpoint does not hold."""

from __future__ import annotations

import keras
import pytest

from mixdmt_tf.models import cnn13, wide_resnet
from mixdmt_tf.runs import random_layers


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.Dropout(0.5, name="own"),
        lambda: keras.layers.GaussianNoise(0.5, name="own"),
        lambda: keras.layers.RandomFlip(name="own"),
        lambda: keras.Sequential([keras.layers.SpatialDropout2D(0.5, name="own")]),
    ],
)
def test_layers_of_keras(make):
    images = keras.Input((8, 8, 1))
    network = keras.Model(images, make()(images))
    assert random_layers.note(network).startswith("1 layers, such as own, draw")


@pytest.mark.parametrize("config", [cnn13.CNN13(), wide_resnet.WideResNet(depth=10)])
def test_networks_of_this_package_have_none(config):
    assert random_layers.note(config.build((32, 32, 3), 10)) == ""
