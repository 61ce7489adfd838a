"""Images of other than one or three channels: each channel by itself, or the mean."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.augment.operations import NAMES, Colours, operate
from mixdmt_tf.data.classification.copies import AUGMENTATIONS
from tests.data.augment import examples
from tests.data.augment.test_operations import parameters

MIXING = ("color", "contrast")  # what one channel becomes depends on the others


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_of_five_channels_is_that_of_each(name):
    images = examples.noise(12, (9, 7, 5))
    values, centres = parameters(name, 12), examples.uniforms(12, 2)
    found = operate(name, tf.constant(images), values, centres, Colours())
    if name in MIXING:
        # Grey versions: the mean of the channels, of which contrast takes the mean.
        grey = np.floor(images.mean(-1, keepdims=True) + 0.5)
        if name == "contrast":
            grey = np.floor(grey.mean((1, 2, 3), keepdims=True) + 0.5)
        mixed = grey + values[:, None, None, None] * (images - grey)
        expected = np.clip(mixed, 0, 255).astype(np.uint8)
        assert np.abs(found.numpy().astype(int) - expected).max() <= 1  # float32
        return
    for channel in range(5):
        one = tf.constant(images[..., channel : channel + 1])
        alone = operate(name, one, values, centres, Colours())
        np.testing.assert_array_equal(found[..., channel], alone[..., 0])


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [2, 4])
def test_every_augmentation_keeps_the_channels(name, channels):
    number, apply = AUGMENTATIONS[name]
    images = tf.constant(examples.noise(16, (12, 12, channels)))
    found = apply(images, examples.uniforms(16, number))
    assert (found.shape, found.dtype) == (images.shape, tf.uint8)
    assert (found.numpy() != images.numpy()).any()
