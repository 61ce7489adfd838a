"""Dropout with masks that don't depend on the state of a random generator."""

from __future__ import annotations

from typing import Any, Dict, Sequence, Union

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

    def __init__(
        self,
        rate: float,
        place: int,
        maps: bool = False,
        rows: bool = False,
        **kwargs: Any,
    ):
        """Sets the rate.

        Args:
            rate: share of values set to 0, in [0, 1); the others are scaled by 1/(1 -
                rate).
            place: number of this layer in its network, so that no two have equal masks.
            maps: drop whole maps of x [B, h, w, C] instead of single values (Tompson et
                al. 2015, arXiv:1411.4280, section 3.2).
            rows: drop all values of an image at once, as stochastic depth does (Huang
                et al. 2016, arXiv:1603.09382).
            **kwargs: of every Keras layer.
        """
        # The seed needs the images as they are, not rounded to the policy's precision.
        super().__init__(autocast=False, **kwargs)
        self.rate = rate
        self.place = place
        self.maps = maps
        self.rows = rows

    def call(
        self, inputs: Union[tf.Tensor, Sequence[tf.Tensor]], training: bool = False
    ) -> tf.Tensor:
        """Drops values in training mode.

        Args:
            inputs: (x, images): x of any shape and floating dtype, and the images
                float [B, H, W, channels] of the pass. Or x alone, whose bits are then
                the seed.
            training: if False, x is returned unchanged.

        Returns:
            A tensor like x. No gradient reaches the images through the mask.
        """
        alone = not isinstance(inputs, (list, tuple))
        x, images = (inputs, inputs) if alone else inputs
        if not training:
            return tf.identity(x)
        key = tf.stack([fingerprint(images), tf.constant(self.place, tf.int64)])
        shape = tf.shape(x)
        if self.maps:
            shape = tf.stack([shape[0], 1, 1, shape[3]])
        elif self.rows:
            shape = tf.concat([shape[:1], tf.ones_like(shape[1:])], 0)
        draws = tf.random.stateless_uniform(shape, key, alg="philox")
        scale = tf.where(draws >= self.rate, 1.0 / (1.0 - self.rate), 0.0)
        return x * tf.cast(scale, x.dtype)

    def get_config(self) -> Dict[str, Any]:
        """Returns the arguments of the constructor."""
        names = ("rate", "place", "maps", "rows")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own}


def without_generators(network: keras.Model) -> keras.Model:
    """Returns a functional model with `Dropout` in place of Keras's own.

    Args:
        network: of layers of Keras, such as one of keras.applications.

    Returns:
        The network itself if nothing is dropped in it; else a new one with new weights.
    """
    dropping = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Dropout) and layer.rate
    ]
    places = {layer.name: place for place, layer in enumerate(dropping)}

    def made(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name not in places:
            return type(layer).from_config(layer.get_config())
        rows = layer.noise_shape is not None
        return Dropout(layer.rate, places[layer.name], rows=rows, name=layer.name)

    if not places:
        return network
    return keras.models.clone_model(network, clone_function=made)


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
