"""Perturbations of an encoder's features, of cross-consistency training.

Ouali, Hudelot and Tami 2020 (CCT, arXiv:2003.09005). No random numbers are drawn here:
the caller draws them. I-VAT is `adversarial.adversarial_perturbation`, applied to
features in place of images.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def feature_noise(
    features: tf.Tensor, uniforms: tf.Tensor, size: float = 0.3
) -> tf.Tensor:
    """Return z + z * n with n uniform in [-size, size): F-Noise.

    CCT (arXiv:2003.09005). The noise grows with the activation. The released code draws
    one noise map for all images of a batch; in the paper the noise has the shape of z,
    with one map for each image.

    Args:
        features: z, [..., C] any float type.
        uniforms: random numbers in [0, 1), of the same shape.
        size: half the width of the noise.

    Returns:
        [..., C] float32.

    Raises:
        ValueError: when the shapes differ.
    """
    features, uniforms = tf.cast(features, tf.float32), tf.cast(uniforms, tf.float32)
    require_same_shape(features=features, uniforms=uniforms)
    return features + features * (size * (2 * uniforms - 1))


def feature_drop(features: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Return z without its most active positions: F-Drop.

    CCT (arXiv:2003.09005). With a the mean of z over the channels, all positions of an
    image where a is not below share * max(a) become 0. The share is drawn from
    [0.6, 0.9) (paper and first release; later ones: 0.7).

    Stop-gradient: the mask.

    Args:
        features: z, [B, h, w, C] any float type.
        share: [B] threshold of each image, as a share of its largest activation.

    Returns:
        [B, h, w, C] float32.

    Raises:
        ValueError: when a rank is wrong.
    """
    features, share = tf.cast(features, tf.float32), tf.cast(share, tf.float32)
    require_rank(4, 4, features=features)
    require_rank(1, 1, share=share)
    active = tf.reduce_mean(features, -1, keepdims=True)
    largest = tf.reduce_max(active, [1, 2, 3], keepdims=True)
    keep = active < share[:, None, None, None] * largest
    return features * tf.stop_gradient(tf.cast(keep, tf.float32))


def spatial_dropout(
    features: tf.Tensor, uniforms: tf.Tensor, rate: float = 0.5
) -> tf.Tensor:
    """Return z with random channels dropped and the others scaled up: DropOut.

    Spatial dropout (Tompson et al. 2015, arXiv:1411.4280), which CCT (arXiv:2003.09005)
    uses as its random perturbation. A channel of an image is either 0 everywhere, or
    divided by 1 - rate.

    Args:
        features: z, [B, h, w, C] any float type.
        uniforms: [B, C] random numbers in [0, 1).
        rate: probability with which a channel is dropped, below 1.

    Returns:
        [B, h, w, C] float32.

    Raises:
        ValueError: when a rank is wrong, or rate is not in [0, 1).
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be at least 0 and below 1, got {rate}")
    features, uniforms = tf.cast(features, tf.float32), tf.cast(uniforms, tf.float32)
    require_rank(4, 4, features=features)
    require_rank(2, 2, uniforms=uniforms)
    keep = tf.cast(uniforms >= rate, tf.float32) / (1 - rate)
    return features * keep[:, None, None, :]


def masked_features(features: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Return z where the mask of the image is 1, and 0 where it is 0.

    CCT (arXiv:2003.09005): G-Cutout, Con-Msk and Obj-Msk differ in their masks. The
    mask is resized to the size of z by nearest neighbour, with the corner features on
    the corner pixels, as the networks of this package align them.

    Stop-gradient: the mask.

    Args:
        features: z, [B, h, w, C] any float type.
        mask: [B, H, W] 0 or 1, any number type, in the size of the images.

    Returns:
        [B, h, w, C] float32.

    Raises:
        ValueError: when a rank is wrong.
    """
    features, mask = tf.cast(features, tf.float32), tf.cast(mask, tf.float32)
    require_rank(4, 4, features=features)
    require_rank(3, 3, mask=mask)
    small = tf.raw_ops.ResizeNearestNeighbor(
        images=mask[..., None], size=tf.shape(features)[1:3], align_corners=True
    )
    return features * tf.stop_gradient(small)
