"""Small networks and a few real digits for the tests of models in Python."""

from __future__ import annotations

import functools

import keras
import numpy as np

from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.datasets import digits
from mixdmt_tf.data.segmentation.datasets import digit_scenes

CLASSES = 10
LABELED, UNLABELED, HELD_OUT = 20, 60, 30


@functools.lru_cache(maxsize=None)
def images():
    """(labelled, labels), unlabelled, (validation, labels): uint8 [n, 8, 8, 1]."""
    train = digits.load(Config(dataset="digits")).train
    pixels, labels = np.array(train.images), np.array(train.labels)
    first, second = LABELED, LABELED + UNLABELED
    third = second + HELD_OUT
    return (
        (pixels[:first], labels[:first]),
        pixels[first:second],
        (pixels[second:third], labels[second:third]),
    )


@functools.lru_cache(maxsize=None)
def scenes():
    """The same of segmentation: uint8 [n, 48, 48, 3] and [n, 48, 48]."""
    made = [digit_scenes.compose("train", i) for i in range(10)]
    pixels, labels = (np.stack(each) for each in zip(*made))
    return (pixels[:3], labels[:3]), pixels[3:7], (pixels[7:], labels[7:])


def network(*end, shape=(8, 8, 1)):
    """A classifier; `end` are its last layers, by default one of ten logits."""
    end = end or (keras.layers.Dense(CLASSES, name="logits"),)
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            *end,
        ]
    )


def segmenter(side=None, classes=11):
    """A segmenter of images of any size, or of one."""
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            keras.layers.Conv2D(4, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(classes, 1, name="logits"),
        ]
    )
