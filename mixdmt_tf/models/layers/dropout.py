"""Dropout with masks that don't depend on the state of a random generator."""

from __future__ import annotations

from typing import Any, Dict, Sequence

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("mixdmt_tf")
class Dropout(keras.layers.Layer):
    """Dropout whose mask is a function of only the images of the pass.

    `keras.layers.Dropout` draws from a generator whose state is not in checkpoints, so
    a resumed run would continue with other masks. Here the bits of the images are the
    seed of a stateless random operation. Batches are functions of seed and step, and so
    are the masks.

    Another batch, another order of its rows or another view gives independent masks;
    the same batch gives the same mask in every network and under every precision. So
    two passes on the same images, as a teacher and a student might make, drop the
    same values, and two passes on nearly the same images, as VAT makes, do not.
    """

    def __init__(self, rate: float, place: int, maps: bool = False, **kwargs: Any):
        """Sets the rate.

        Args:
            rate: share of values set to 0, in [0, 1); the others are scaled by 1/(1 -
                rate).
            place: number of this layer in its network, so that no two have equal masks.
            maps: drop whole maps of x [B, h, w, C] instead of single values (Tompson et
                al. 2015, arXiv:1411.4280, section 3.2).
            **kwargs: of every Keras layer.
        """
        # The seed needs the images as they are, not rounded to the policy's precision.
        super().__init__(autocast=False, **kwargs)
        self.rate = rate
        self.place = place
        self.maps = maps

    def call(self, inputs: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Drops values in training mode.

        Args:
            inputs: (x, images): x of any shape and floating dtype, and the images
                float [B, H, W, channels] of the pass.
            training: if False, x is returned unchanged.

        Returns:
            A tensor like x. No gradient reaches the images through the mask.
        """
        x, images = inputs
        if not training:
            return tf.identity(x)
        key = tf.stack([fingerprint(images), tf.constant(self.place, tf.int64)])
        shape = tf.shape(x)
        if self.maps:
            shape = tf.stack([shape[0], 1, 1, shape[3]])
        draws = tf.random.stateless_uniform(shape, key, alg="philox")
        scale = tf.where(draws >= self.rate, 1.0 / (1.0 - self.rate), 0.0)
        return x * tf.cast(scale, x.dtype)

    def get_config(self) -> Dict[str, Any]:
        """Returns the arguments of the constructor."""
        own = {"rate": self.rate, "place": self.place, "maps": self.maps}
        return {**super().get_config(), **own}


def fingerprint(images: tf.Tensor) -> tf.Tensor:
    """Hashes all bits of some images to one number, a sum weighted by position.

    Sums of integers don't depend on the order, so the result is exact on every device.

    Args:
        images: float of any shape.

    Returns:
        int64 scalar. No gradient.
    """
    images = tf.stop_gradient(tf.cast(images, tf.float32))
    bits = tf.cast(tf.reshape(tf.bitcast(images, tf.int32), [-1]), tf.int64)
    # Odd weights, so that no bit is lost when the sum wraps around at 2^64.
    weights = 0x9E3779B97F4A7C1 * (2 * tf.range(tf.size(bits, tf.int64)) + 1)
    return tf.reduce_sum(bits * weights)
