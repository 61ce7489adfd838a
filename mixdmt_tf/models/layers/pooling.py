"""Adaptive average pooling: means over a grid of parts of an image of any size."""

from __future__ import annotations

from typing import Any, Dict, Tuple, Union

import keras
import tensorflow as tf


def grid_means(x: tf.Tensor, bins: int) -> tf.Tensor:
    """Averages maps over bins x bins parts, like PyTorch's `adaptive_avg_pool2d`.

    Along a side of h features, part i of n goes from floor(i h / n) to before
    ceil((i + 1) h / n): parts overlap if n does not divide h, and no part is empty.

    Args:
        x: floating [B, h, w, C].
        bins: n, number of parts of each side.

    Returns:
        float32 [B, n, n, C]. The gradient reaches `x`.
    """
    height = _shares(x.shape[1] or tf.shape(x)[1], bins)
    width = _shares(x.shape[2] or tf.shape(x)[2], bins)
    return tf.einsum("ih,bhwc,jw->bijc", height, tf.cast(x, tf.float32), width)


def _shares(length: Union[int, tf.Tensor], bins: int) -> tf.Tensor:
    """Returns the weight of each feature in each part, float32 [bins, length]."""
    part = tf.range(bins)[:, None]
    first, end = part * length // bins, ((part + 1) * length + bins - 1) // bins
    places = tf.range(length)
    inside = (places >= first) & (places < end)
    return tf.cast(inside, tf.float32) / tf.cast(end - first, tf.float32)


@keras.saving.register_keras_serializable("mixdmt_tf")
class GridMeans(keras.layers.Layer):
    """`grid_means` as a layer, float32 under every precision policy."""

    def __init__(self, bins: int, **kwargs: Any):
        """Initializes the layer.

        Args:
            bins: number of parts of each side.
            **kwargs: of every Keras layer.
        """
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.bins = bins

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Pools floating [B, h, w, C] to float32 [B, bins, bins, C]."""
        return grid_means(x, self.bins)

    def compute_output_shape(self, input_shape: Any) -> Tuple[Any, ...]:
        """Returns [B, bins, bins, C]."""
        return (input_shape[0], self.bins, self.bins, input_shape[-1])

    def get_config(self) -> Dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "bins": self.bins}
