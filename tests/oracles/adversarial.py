"""Oracles of adversarial images (VAT Eq. 10 to 15, FGSM section 4), linear network."""

import numpy as np

from tests.oracles.losses import softmax


def unit_perturbation(d):
    """Divide each example by the square root of its sum of squares, one by one."""
    units = np.zeros(d.shape)
    for i, example in enumerate(np.asarray(d, np.float64)):
        length = sum(value**2 for value in example.ravel()) ** 0.5
        units[i] = example / length if length > 0 else 0.0
    return units


def adversarial_perturbation(images, weights, noise, xi, epsilon, biases=0.0):
    """Gradient by hand: of KL(p || softmax((x + r) W)) it is W (q - p), at r = xi d."""
    images, weights = np.asarray(images, np.float64), np.asarray(weights, np.float64)
    moved = images + xi * unit_perturbation(noise)
    gradients = np.zeros(images.shape)
    for i in range(len(images)):
        p = softmax(list(images[i].ravel() @ weights + biases))
        q = softmax(list(moved[i].ravel() @ weights + biases))
        gradient = weights @ (np.array(q) - np.array(p))
        gradients[i] = gradient.reshape(images[i].shape)
    return epsilon * unit_perturbation(gradients)


def fast_gradient_sign(images, weights, labels, epsilon, biases=0.0):
    """Gradient by hand: of the cross-entropy with a label it is W (p - label)."""
    images, weights = np.asarray(images, np.float64), np.asarray(weights, np.float64)
    moved = np.array(images)
    for i in range(len(images)):
        p = softmax(list(images[i].ravel() @ weights + biases))
        slope = (weights @ (np.array(p) - labels[i])).reshape(images[i].shape)
        for place in np.ndindex(*slope.shape):
            if slope[place] > 0:
                moved[i][place] += epsilon
            elif slope[place] < 0:
                moved[i][place] -= epsilon
    return moved
