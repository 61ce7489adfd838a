"""Equations that take a function of images, on a linear network for three classes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mixdmt_tf import equations


def weights(images):
    """Return the weights of a network for images of that shape."""
    size = int(np.prod(images.shape[1:]))
    return np.random.default_rng(3).normal(0, 0.2, [size, 3]).astype(np.float32)


def predict(images):
    """Return the network's logits."""
    kernel = weights(images)
    return tf.matmul(tf.reshape(images, [-1, len(kernel)]), kernel)


def adversarial_perturbation(images, noise):
    """VAT's perturbation of images, with xi = 4 and epsilon = .2."""
    images = tf.cast(images, tf.float32)

    def divergence(r):
        return equations.kl_divergence(predict(images), predict(images + r))

    return equations.adversarial_perturbation(divergence, noise, 4.0, 0.2)


def fast_gradient_sign(images):
    """Adversarial examples for the label 0, with epsilon = .02."""

    def loss(moved):
        label = tf.one_hot(tf.zeros(tf.shape(moved)[:1], tf.int32), 3)
        return equations.cross_entropy(label, predict(moved))

    return equations.fast_gradient_sign(loss, images, 0.02)
