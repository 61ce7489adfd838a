"""JPEG and PNG files as images, in TensorFlow alone: for models that leave the house.

What `data/image_files.py` does with Pillow, which TensorFlow Serving lacks: what is
transparent lies on white, cameras' notes on which side is up are obeyed, 16 bits per
channel keep the upper 8.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.data.pixels import LUMINANCE

HEAD = 8192  # bytes of a file in which EXIF's note is looked for; cameras put it first
# The note as it stands in a file: tag 0x0112, type 3 (short), one value, the value.
_LITTLE = (0x12, 0x01, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00)
_BIG = (0x01, 0x12, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x00)


def decoded(data: tf.Tensor) -> tf.Tensor:
    """A file as an image, the right side up.

    Args:
        data: string scalar, the content of a JPEG or PNG file.

    Returns:
        uint8 [H, W, 3].
    """

    def of_jpeg() -> tf.Tensor:
        return tf.io.decode_jpeg(data, 3, dct_method="INTEGER_ACCURATE")

    def of_png() -> tf.Tensor:
        image = tf.cast(tf.io.decode_png(data, 4), tf.float32)
        # Of greys and palettes of 1, 2 or 4 bits TensorFlow fills the missing alpha
        # with the largest value of as many bits. A PNG's byte 24 is their number.
        header = tf.strings.substr(tf.strings.join([data, bytes(25)]), 24, 1)
        bits = tf.cast(tf.io.decode_raw(header, tf.uint8)[0], tf.float32)
        alpha, most = image[..., 3:], 2.0**bits - 1.0
        filled = (bits < 8.0) & (tf.reduce_max(alpha) <= most)
        opaque = alpha / tf.where(filled, most, 255.0)
        return to_uint8(image[..., :3] * opaque + 255.0 * (1.0 - opaque))

    image = tf.cond(tf.io.is_jpeg(data), of_jpeg, of_png)
    return upright(image, orientation(data))


def orientation(data: tf.Tensor) -> tf.Tensor:
    """What EXIF notes of which side is up.

    Args:
        data: string scalar, the content of a JPEG or PNG file.

    Returns:
        int32 scalar, 1 to 8; 1, as it is, where nothing is noted.
    """
    head = tf.io.decode_raw(tf.strings.substr(data, 0, HEAD), tf.uint8)
    windows = tf.signal.frame(head, 10, 1)

    def begins(pattern: tuple[int, ...]) -> tf.Tensor:
        same = tf.equal(windows[:, : len(pattern)], tf.constant(pattern, tf.uint8))
        return tf.reduce_all(same, 1)

    little = tf.boolean_mask(windows[:, 8], begins(_LITTLE))
    big = tf.boolean_mask(windows[:, 9], begins(_BIG))
    noted = tf.cast(tf.concat([little, big, [1]], 0)[0], tf.int32)
    # How it begins in a JPEG, and in a PNG.
    exif = tf.reduce_any(begins(tuple(b"Exif\x00\x00")) | begins(tuple(b"eXIf")))
    return tf.where(exif & (noted >= 1) & (noted <= 8), noted, 1)


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors an image as EXIF's orientation says.

    Args:
        image: [H, W, C].
        orientation: int32 scalar, 1 to 8.

    Returns:
        [H, W, C], or [W, H, C] for 5 to 8, of the same dtype.
    """

    def where(cases: tuple[int, ...], change, image: tf.Tensor) -> tf.Tensor:
        applies = tf.reduce_any(tf.equal(orientation, cases))
        return tf.cond(applies, lambda: change(image), lambda: image)

    image = where((5, 6, 7, 8), lambda image: tf.transpose(image, [1, 0, 2]), image)
    image = where((2, 3, 6, 7), lambda image: tf.reverse(image, [1]), image)
    return where((3, 4, 7, 8), lambda image: tf.reverse(image, [0]), image)


def resized(images: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Images in the size of training, bilinear with antialiasing as Pillow's.

    Args:
        images: uint8 [n, H, W, C].
        height: wanted.
        width: wanted.

    Returns:
        uint8 [n, height, width, C]; at the same size the images themselves.
    """
    size = [height, width]
    changed = tf.image.resize(images, size, tf.image.ResizeMethod.BILINEAR, False, True)
    return tf.ensure_shape(to_uint8(changed), [None, height, width, images.shape[-1]])


def grey(images: tf.Tensor) -> tf.Tensor:
    """Luminance, uint8 [..., 1], of colours, uint8 [..., 3]."""
    luminance = tf.tensordot(tf.cast(images, tf.float32), LUMINANCE, 1)
    return to_uint8(luminance)[..., tf.newaxis]


def to_uint8(values: tf.Tensor) -> tf.Tensor:
    """Numbers as pixels: rounded, and cut off at 0 and 255."""
    return tf.cast(tf.clip_by_value(tf.round(values), 0.0, 255.0), tf.uint8)
