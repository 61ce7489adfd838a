"""The wide residual networks of MixMatch and DMT in NumPy: size and forward pass."""

import math

import numpy as np


def trainable_parameters(depth, width, stages, channels, classes, form="mixmatch"):
    """Weights that are learned, layer by layer; DMT's convolutions have no biases."""
    biases = 0 if form == "dmt" else 1
    total = 9 * channels * 16 + biases * 16
    inputs = 16
    for stage in range(stages):
        filters = 16 * width * 2**stage
        for _ in range((depth - 4) // 6):
            total += 2 * inputs + 9 * inputs * filters + biases * filters
            total += 2 * filters + 9 * filters * filters + biases * filters
            if inputs != filters:
                total += inputs * filters + biases * filters
            inputs = filters
    return total + 2 * inputs + inputs * classes + classes


def convolve(x, weights, stride, form):
    """Cross-correlation, one output pixel a time.

    MixMatch pads as TensorFlow's 'same' does, DMT by one pixel on each side of the
    image for a 3x3 kernel (torch: padding=1) and not at all for a 1x1 kernel.
    """
    kernel, bias = weights if len(weights) == 2 else (*weights, 0)
    size = kernel.shape[0]
    out = [math.ceil(length / stride) for length in x.shape[1:3]]
    pads = [
        max((count - 1) * stride + size - length, 0)
        for count, length in zip(out, x.shape[1:3])
    ]
    # An odd pixel of padding goes behind.
    border = [(pad // 2, pad - pad // 2) for pad in pads]
    if form == "dmt":
        border = [(size // 2, size // 2)] * 2
        out = [
            (length + 2 * (size // 2) - size) // stride + 1 for length in x.shape[1:3]
        ]
    x = np.pad(x, [(0, 0), *border, (0, 0)])
    result = np.zeros((len(x), *out, kernel.shape[3]))
    for i in range(out[0]):
        for j in range(out[1]):
            row, column = i * stride, j * stride
            patch = x[:, row : row + size, column : column + size, :]
            result[:, i, j] = np.einsum("nijc,ijcf->nf", patch, kernel) + bias
    return result


def normalize(x, gamma, beta, mean, variance, training, epsilon):
    """Batch normalization with the running statistics or those of the batch."""
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def forward(images, layers, depth, width, stages, training=False, form="mixmatch"):
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
        form: 'mixmatch' or 'dmt'.
    """
    epsilon, slope = {"mixmatch": (1e-3, 0.1), "dmt": (1e-5, 0.0)}[form]

    def activate(x):
        x = normalize(x, *next(layers["norm"]), training, epsilon)
        return np.where(x > 0, x, slope * x)

    x = convolve(images, next(layers["conv3"]), 1, form)
    for stage in range(stages):
        filters = 16 * width * 2**stage
        for index in range((depth - 4) // 6):
            stride = 2 if stage > 0 and index == 0 else 1
            activated = activate(x)
            if form == "dmt":  # where the shortcut is a convolution
                activated_shortcut = x.shape[-1] != filters
            else:  # in the first block of all
                activated_shortcut = stage == 0 and index == 0
            shortcut = activated if activated_shortcut else x
            if shortcut.shape[-1] != filters:
                shortcut = convolve(shortcut, next(layers["conv1"]), stride, form)
            x = convolve(activated, next(layers["conv3"]), stride, form)
            x = convolve(activate(x), next(layers["conv3"]), 1, form)
            x = shortcut + x
    kernel, bias = next(layers["dense"])
    return activate(x).mean((1, 2)) @ kernel + bias
