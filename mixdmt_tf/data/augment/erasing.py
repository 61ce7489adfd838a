"""Random erasing, the 'CutOut' of RealMix's precomputed copies.

RealMix section 3.1 names CutOut, but its release contains random erasing (Zhong et al.
2017) with the constants below. The TensorFlow version of the release drew its numbers
only once, while the graph was built, so all copies were equal. This module follows the
NumPy version, which draws numbers for every image.
"""

from __future__ import annotations

import tensorflow as tf

PROBABILITY = 0.3
AREA = (0.02, 0.4)
ASPECT = (0.3, 1 / 0.3)
# A rectangle that does not fit is drawn again. A third of all draws fit, so the
# probability that none of 64 fits is below 1e-9; such an image stays unchanged.
ATTEMPTS = 64
UNIFORMS = 2 + 4 * ATTEMPTS  # random numbers per image


def random_erasing(images: tf.Tensor, uniforms: tf.Tensor) -> tf.Tensor:
    """Fills a rectangle of each image with a grey value, with probability .3.

    The rectangle has area s ~ U(.02, .4) of the image, aspect ratio r ~ U(.3, 1 / .3),
    height int(sqrt(s r)), width int(sqrt(s / r)) and a uniformly random top left
    corner. These are drawn again until the rectangle lies inside of the image. It is
    filled with one value from U(0, 255) for all channels.

    Args:
        images: uint8 [n, H, W, C].
        uniforms: float32 [n, UNIFORMS] in [0, 1), the random numbers to use.

    Returns:
        uint8 [n, H, W, C].
    """
    shape = tf.shape(images)
    height, width = shape[1], shape[2]
    erase = uniforms[:, 0] < PROBABILITY
    grey = tf.cast(uniforms[:, 1] * 255.0, tf.uint8)
    top, left, tall, wide, fits = _first_fitting(uniforms[:, 2:], height, width)
    row = tf.range(height)[None, :, None]
    column = tf.range(width)[None, None, :]

    def inside(index, start, length):
        return (index >= start[:, None, None]) & (
            index < (start + length)[:, None, None]
        )

    hole = inside(row, top, tall) & inside(column, left, wide)
    hole &= (erase & fits)[:, None, None]
    return tf.where(hole[..., None], grey[:, None, None, None], images)


def _first_fitting(uniforms: tf.Tensor, height: tf.Tensor, width: tf.Tensor):
    """Returns the first drawn rectangle inside of each image: int32 [n] each."""
    draws = tf.reshape(uniforms, [-1, ATTEMPTS, 4])
    size = tf.cast(height * width, tf.float32)
    area = (AREA[0] + draws[..., 0] * (AREA[1] - AREA[0])) * size
    aspect = ASPECT[0] + draws[..., 1] * (ASPECT[1] - ASPECT[0])
    tall = tf.cast(tf.sqrt(area * aspect), tf.int32)
    wide = tf.cast(tf.sqrt(area / aspect), tf.int32)
    top = tf.cast(draws[..., 2] * tf.cast(height, tf.float32), tf.int32)
    left = tf.cast(draws[..., 3] * tf.cast(width, tf.float32), tf.int32)
    fits = (top + tall <= height) & (left + wide <= width)  # [n, ATTEMPTS]
    first = tf.argmax(fits, axis=1, output_type=tf.int32)

    def choose(values):
        return tf.gather(values, first, axis=1, batch_dims=1)

    return choose(top), choose(left), choose(tall), choose(wide), choose(fits)
