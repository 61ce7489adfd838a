"""Input normalization for published weights: mean, deviation, order of channels."""

from __future__ import annotations

from typing import Any, Dict

import keras
import tensorflow as tf

# Mean and standard deviation of each channel on the scale 0 to 255, and whether the
# channels come in the order blue, green, red.
_NORMALIZATIONS = {
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), False),
    "caffe": ((103.939, 116.779, 123.68), (1.0, 1.0, 1.0), True),
    "coco": ((104.008, 116.669, 122.675), (1.0, 1.0, 1.0), True),
}


@keras.saving.register_keras_serializable("mixdmt_tf")
class InputNormalization(keras.layers.Layer):
    """Converts images in [-1, 1] to the scale that published weights expect."""

    def __init__(self, kind: str, **kwargs: Any):
        """Sets the scale.

        Args:
            kind: 'imagenet', 'caffe' or 'coco'; see `normalization` in `deeplab_v2.py`.
            **kwargs: of every Keras layer.
        """
        # In half precision two neighbouring grey levels could become equal.
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Normalizes images.

        Args:
            images: float32 [B, H, W, 3], red, green, blue in [-1, 1]; or grey images
                [B, H, W, 1], which become three equal channels.

        Returns:
            float32 [B, H, W, 3].
        """
        mean, deviation, reverse = _NORMALIZATIONS[self.kind]
        if reverse:
            images = tf.reverse(images, [-1])
        return ((images + 1.0) * 127.5 - tf.constant(mean)) / tf.constant(deviation)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the images with three channels."""
        return (*input_shape[:-1], 3)

    def get_config(self) -> Dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "kind": self.kind}
