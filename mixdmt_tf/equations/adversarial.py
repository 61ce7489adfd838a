"""Adversarial perturbations: small changes that alter an image's prediction most.

Virtual ones are those of Miyato, Maeda, Koyama and Ishii 2017 (VAT, arXiv:1704.03976).
No random numbers are drawn here: the caller draws the direction that the search starts
from. The fast gradient sign method needs labels instead.
"""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank


def unit_perturbation(d: tf.Tensor) -> tf.Tensor:
    """Return d / ||d||_2 for each example; zero stays zero.

    The bar over a vector in VAT equation 10, as in MixMatch's vat_utils.py: it divides
    first by the largest absolute value and then by the L2 norm, since the square of a
    gradient of 1e-23 is 0 in float32. The constants 1e-12 and 1e-6, which avoid a
    division by zero, are from that code.

    Nothing is stop-gradiented.

    Args:
        d: [B, ...] one perturbation for each example, any float type.

    Returns:
        [B, ...] float32.

    Raises:
        ValueError: when d has no axis besides that of examples.
    """
    d = tf.cast(d, tf.float32)
    require_rank(2, d=d)
    axes = list(range(1, d.shape.rank))
    d = d / (1e-12 + tf.reduce_max(tf.abs(d), axis=axes, keepdims=True))
    square = tf.reduce_sum(tf.square(d), axis=axes, keepdims=True)
    return d / tf.sqrt(1e-6 + square)


def adversarial_perturbation(
    divergence: Callable[[tf.Tensor], tf.Tensor],
    noise: tf.Tensor,
    xi: float,
    epsilon: float,
) -> tf.Tensor:
    """Return r_adv = epsilon * g / ||g||_2, with g = the gradient of D(r) at r = xi d.

    VAT equations 14 and 15: one step of the power iteration, from the unit vector d
    along `noise`, for the dominant eigenvector of the Hessian of D at r = 0. D has its
    minimum there, so that its gradient at xi d is xi times the Hessian times d, up to
    terms in xi^2: a finite difference. xi must be small against the curvature and large
    against the rounding of images and predictions.

    Stop-gradient: the whole result. Training should make the network smooth along
    r_adv, not change r_adv.

    Args:
        divergence: maps perturbations r [B, ...] to D(r) [B], the divergence between
            the predictions for the images plus r and those for the images.
        noise: [B, ...] any float type, standard normal.
        xi: step of the finite difference, above 0; an L2 norm like epsilon.
        epsilon: L2 norm of the result.

    Returns:
        [B, ...] float32; 0 where the gradient is 0.
    """
    d = xi * unit_perturbation(noise)
    with tf.GradientTape() as tape:
        tape.watch(d)
        # Loss scaling for half precision: otherwise float16 underflows in the backward
        # pass once the network is confident. Only the direction matters.
        total = 256 * tf.reduce_sum(divergence(d))
    return tf.stop_gradient(epsilon * unit_perturbation(tape.gradient(total, d)))


def fast_gradient_sign(
    loss: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, epsilon: float
) -> tf.Tensor:
    """Return images + epsilon * sign(gradient of the loss with respect to them).

    The fast gradient sign method of Goodfellow, Shlens and Szegedy 2015
    (arXiv:1412.6572) section 4, which makes the adversarial examples g(x) of Deep
    Co-Training (arXiv:1803.05984). The result isn't clipped to the range of images.
    Values on which the loss does not depend are not changed.

    Stop-gradient: the whole result.

    Args:
        loss: maps images [B, ...] to the loss [B] to be increased.
        images: [B, ...] any float type.
        epsilon: change of each value, in the unit of the images.

    Returns:
        [B, ...] float32.
    """
    images = tf.cast(images, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        # As above, the factor avoids float16 underflow in the backward pass.
        total = 256 * tf.reduce_sum(loss(images))
    gradient = tape.gradient(total, images)
    return tf.stop_gradient(images + epsilon * tf.sign(gradient))
