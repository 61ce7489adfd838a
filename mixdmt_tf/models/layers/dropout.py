"""Dropout without a generator whose state no checkpoint holds."""

from __future__ import annotations

from typing import Any, Dict, Sequence

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("mixdmt_tf")
class Dropout(keras.layers.Layer):
    """Dropout whose mask is a function of the images of the pass, and of nothing else.

    `keras.layers.Dropout` draws from a generator with a state that no checkpoint holds:
    a resumed run would continue with other masks. Here the bits of the images are the
    key of a stateless draw. Batches are functions of seed and step, and so are the
    masks.

    Another batch, another order of its rows or another view gives independent masks;
    the same batch gives the same mask in every network and under every precision. So
    two passes on the same images, as a teacher and a student might make, drop the
    same values, and two passes on nearly the same images, as VAT makes, do not.
    """

    def __init__(self, rate: float, place: int, maps: bool = False, **kwargs: Any):
        """Sets the rate.

        Args:
            rate: share of values set to 0, in [0, 1); the others grow by 1/(1 - rate).
            place: number of this layer in its network: no two share their draws.
            maps: drop whole maps of x [B, h, w, C] instead of single values (Tompson et
                al. 2015, arXiv:1411.4280, section 3.2).
            **kwargs: of every Keras layer.
        """
        # Images reach the key as they are, not rounded to the policy's precision.
        super().__init__(autocast=False, **kwargs)
        self.rate = rate
        self.place = place
        self.maps = maps

    def call(self, inputs: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Drops values in training mode.

        Args:
            inputs: (x, images): x of any shape and floating dtype, and the images
                float [B, H, W, channels] of the pass.
            training: otherwise x is returned as it is.

        Returns:
            A tensor like x. No gradient reaches the images by way of the mask.
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
        """What the constructor takes."""
        own = {"rate": self.rate, "place": self.place, "maps": self.maps}
        return {**super().get_config(), **own}


def fingerprint(images: tf.Tensor) -> tf.Tensor:
    """One number for all bits of some images: their sum, weighted by position.

    Integers add up to the same sum in any order, so it is exact on every device.

    Args:
        images: float of any shape.

    Returns:
        int64 scalar. No gradient.
    """
    images = tf.stop_gradient(tf.cast(images, tf.float32))
    bits = tf.cast(tf.reshape(tf.bitcast(images, tf.int32), [-1]), tf.int64)
    # Odd weights, so that no bit is lost where the sum wraps around at 2^64.
    weights = 0x9E3779B97F4A7C1 * (2 * tf.range(tf.size(bits, tf.int64)) + 1)
    return tf.reduce_sum(bits * weights)
