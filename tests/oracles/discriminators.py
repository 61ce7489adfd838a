"""Discriminators in plain NumPy, layer by layer, from the lists of their weights."""

import numpy as np


def convolve(x, kernel, bias, stride=2):
    """A convolution with a border of one zero, window by window.

    Args:
        x: [n, h, w, c].
        kernel: [k, k, c, d].
        bias: [d].
        stride: of the windows.
    """
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    k = len(kernel)
    rows, columns = ((side - k) // stride + 1 for side in x.shape[1:3])
    result = np.zeros((len(x), rows, columns, kernel.shape[-1]))
    for i in range(rows):
        for j in range(columns):
            top, left = stride * i, stride * j
            window = x[:, top : top + k, left : left + k]
            result[:, i, j] = np.tensordot(window, kernel, 3) + bias
    return result


def leaky(x):
    """Leaky ReLU of slope .2."""
    return np.where(x > 0, x, 0.2 * x)


def upsample(x, height, width):
    """Bilinear, corners on corners."""
    for axis, size in ((1, height), (2, width)):
        places = np.linspace(0, x.shape[axis] - 1, size)
        low = np.floor(places).astype(int)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        share = (places - low).reshape([-1 if a == axis else 1 for a in range(4)])
        x = (1 - share) * np.take(x, low, axis) + share * np.take(x, high, axis)
    return x


def map_discriminator(maps, weights):
    """Hung et al.: a logit for each pixel.

    Args:
        maps: [n, h, w, C].
        weights: kernel and bias of each layer in turn.
    """
    x = np.asarray(maps, np.float64)
    layers = list(zip(weights[::2], weights[1::2]))
    for index, (kernel, bias) in enumerate(layers):
        x = convolve(x, kernel, bias)
        if index + 1 < len(layers):
            x = leaky(x)
    return upsample(x, *np.shape(maps)[1:3])[..., 0]


def image_discriminator(maps, images, weights):
    """That of s4GAN without dropout: features and a logit of each image.

    Args:
        maps: [n, h, w, C].
        images: [n, h, w, 3] in [-1, 1].
        weights: kernel and bias of each layer in turn, the dense one last.
    """
    x = np.concatenate([maps, (np.asarray(images, np.float64) + 1) / 2], -1)
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2]):
        x = leaky(convolve(x, kernel, bias))
    features = x.mean((1, 2))
    return features, features @ weights[-2][:, 0] + weights[-1][0]


def half_normalized(x, gamma, beta):
    """The first maps by mean and variance of the batch, the others by each image's."""
    half = len(gamma)
    a, b = x[..., :half], x[..., half:]
    a = (a - a.mean((0, 1, 2))) / np.sqrt(a.var((0, 1, 2)) + 1e-5) * gamma + beta
    mean, variance = b.mean((1, 2), keepdims=True), b.var((1, 2), keepdims=True)
    return np.concatenate([a, (b - mean) / np.sqrt(variance + 1e-5)], -1)


def flaw_detector(maps, images, weights):
    """That of GCT in training mode, with the strides of its convolutions in turn.

    Args:
        maps: [n, h, w, C].
        images: [n, h, w, 3].
        weights: of each layer but the last: kernel, bias, gamma, beta, and statistics
            that are not used; then kernel and bias.
    """
    x = np.concatenate([maps, np.asarray(images, np.float64)], -1)
    for index in range(0, len(weights) - 2, 6):
        kernel, bias, gamma, beta = weights[index : index + 4]
        # 2, then pairs of 2 and 1.
        x = convolve(x, kernel, bias, 1 if index and index // 6 % 2 == 0 else 2)
        x = leaky(half_normalized(x, gamma, beta))
    return upsample(convolve(x, *weights[-2:]), *np.shape(maps)[1:3])[..., 0]
