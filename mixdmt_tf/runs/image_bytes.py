"""Decodes JPEG and PNG files with TensorFlow alone, for exported models.

TensorFlow Serving lacks Pillow, so this module repeats what `data/image_files.py` does
with it: transparent pixels are blended with white, the EXIF orientation is applied, and
of 16 bits per channel the upper 8 are kept.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.data.pixels import LUMINANCE

HEAD = 8192  # bytes of a file that are searched for EXIF data; cameras put it first
# The orientation in a file: tag 0x0112, type 3 (short), one value, then the value.
_LITTLE = (0x12, 0x01, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00)
_BIG = (0x01, 0x12, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x00)


def decoded(data: tf.Tensor, rotated: bool = True) -> tf.Tensor:
    """Decodes a file and turns the image upright.

    Args:
        data: string scalar, the content of a JPEG or PNG file.
        rotated: whether to rotate it according to its EXIF data.

    Returns:
        uint8 [H, W, 3].
    """

    def of_jpeg() -> tf.Tensor:
        return tf.io.decode_jpeg(data, 3, dct_method="INTEGER_ACCURATE")

    def of_png() -> tf.Tensor:
        image = tf.cast(tf.io.decode_png(data, 4), tf.float32)
        # For greys and palettes of 1, 2 or 4 bits, TensorFlow fills the missing alpha
        # with the largest value of this bit depth. Byte 24 of a PNG is the bit depth.
        header = tf.strings.substr(tf.strings.join([data, bytes(25)]), 24, 1)
        bits = tf.cast(tf.io.decode_raw(header, tf.uint8)[0], tf.float32)
        alpha, most = image[..., 3:], 2.0**bits - 1.0
        filled = (bits < 8.0) & (tf.reduce_max(alpha) <= most)
        opaque = alpha / tf.where(filled, most, 255.0)
        return to_uint8(image[..., :3] * opaque + 255.0 * (1.0 - opaque))

    image = tf.cond(tf.io.is_jpeg(data), of_jpeg, of_png)
    return upright(image, orientation(data)) if rotated else image


def orientation(data: tf.Tensor) -> tf.Tensor:
    """Reads the EXIF orientation of a file.

    Args:
        data: string scalar, the content of a JPEG or PNG file.

    Returns:
        int32 scalar, 1 to 8; 1 (upright) if the file has none.
    """
    head = tf.io.decode_raw(tf.strings.substr(data, 0, HEAD), tf.uint8)
    windows = tf.signal.frame(head, 10, 1)

    def begins(pattern: tuple[int, ...]) -> tf.Tensor:
        same = tf.equal(windows[:, : len(pattern)], tf.constant(pattern, tf.uint8))
        return tf.reduce_all(same, 1)

    little = tf.boolean_mask(windows[:, 8], begins(_LITTLE))
    big = tf.boolean_mask(windows[:, 9], begins(_BIG))
    noted = tf.cast(tf.concat([little, big, [1]], 0)[0], tf.int32)
    # The beginning of EXIF data in a JPEG and in a PNG.
    exif = tf.reduce_any(begins(tuple(b"Exif\x00\x00")) | begins(tuple(b"eXIf")))
    return tf.where(exif & (noted >= 1) & (noted <= 8), noted, 1)


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Rotates and mirrors an image according to the EXIF orientation.

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
    """Resizes images bilinearly with antialiasing, like Pillow.

    Args:
        images: uint8 [n, H, W, C].
        height: height of the output.
        width: width of the output.

    Returns:
        uint8 [n, height, width, C]; unchanged images if they have this size.
    """
    size = [height, width]
    changed = tf.image.resize(images, size, tf.image.ResizeMethod.BILINEAR, False, True)
    return tf.ensure_shape(to_uint8(changed), [None, height, width, images.shape[-1]])


def grey(images: tf.Tensor) -> tf.Tensor:
    """Converts colours, uint8 [..., 3], to luminance, uint8 [..., 1]."""
    luminance = tf.tensordot(tf.cast(images, tf.float32), LUMINANCE, 1)
    return to_uint8(luminance)[..., tf.newaxis]


def to_uint8(values: tf.Tensor) -> tf.Tensor:
    """Rounds numbers and clips them to 0 to 255."""
    return tf.cast(tf.clip_by_value(tf.round(values), 0.0, 255.0), tf.uint8)
