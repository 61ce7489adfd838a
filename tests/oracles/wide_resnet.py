"""The wide residual network of MixMatch in NumPy: its size and its forward pass."""

import math

import numpy as np


def trainable_parameters(depth, width, stages, channels, classes):
    """Weights that are learned, layer by layer; biases everywhere."""
    total = 9 * channels * 16 + 16
    inputs = 16
    for stage in range(stages):
        filters = 16 * width * 2**stage
        for _ in range((depth - 4) // 6):
            total += 2 * inputs + 9 * inputs * filters + filters
            total += 2 * filters + 9 * filters * filters + filters
            if inputs != filters:
                total += inputs * filters + filters
            inputs = filters
    return total + 2 * inputs + inputs * classes + classes


def convolve(x, kernel, bias, stride):
    """Cross-correlation with TensorFlow's 'same' padding, one output pixel a time."""
    size = kernel.shape[0]
    out = [math.ceil(length / stride) for length in x.shape[1:3]]
    pads = [
        max((count - 1) * stride + size - length, 0)
        for count, length in zip(out, x.shape[1:3])
    ]
    # An odd pixel of padding goes behind.
    x = np.pad(x, [(0, 0)] + [(pad // 2, pad - pad // 2) for pad in pads] + [(0, 0)])
    result = np.zeros((len(x), *out, kernel.shape[3]))
    for i in range(out[0]):
        for j in range(out[1]):
            row, column = i * stride, j * stride
            patch = x[:, row : row + size, column : column + size, :]
            result[:, i, j] = np.einsum("nijc,ijcf->nf", patch, kernel) + bias
    return result


def normalize(x, gamma, beta, mean, variance, training):
    """Batch normalization with the running statistics or those of the batch."""
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def forward(images, layers, depth, width, stages, training=False):
    """Logits.

    Args:
        images: float [B, H, W, channels].
        layers: the weights of each layer, as iterators in the order of the way from
            the images to the logits: 'conv3' of the 3x3 convolutions, 'conv1' of the
            1x1 convolutions in shortcuts, 'norm', and 'dense'.
        depth: of the network.
        width: of the network.
        stages: of the network.
        training: whether to normalize with the statistics of the batch.
    """

    def activate(x):
        x = normalize(x, *next(layers["norm"]), training)
        return np.where(x > 0, x, 0.1 * x)

    x = convolve(images, *next(layers["conv3"]), 1)
    for stage in range(stages):
        filters = 16 * width * 2**stage
        for index in range((depth - 4) // 6):
            stride = 2 if stage > 0 and index == 0 else 1
            activated = activate(x)
            # Only the first block of all hands the activated tensor to its shortcut.
            shortcut = activated if stage == 0 and index == 0 else x
            if shortcut.shape[-1] != filters:
                shortcut = convolve(shortcut, *next(layers["conv1"]), stride)
            x = convolve(activated, *next(layers["conv3"]), stride)
            x = convolve(activate(x), *next(layers["conv3"]), 1)
            x = shortcut + x
    kernel, bias = next(layers["dense"])
    return activate(x).mean((1, 2)) @ kernel + bias
