"""The 13-layer network of Mean Teacher and VAT in NumPy: its size and forward pass."""

import numpy as np

# Kernel size and filters in units of the first layer's; pooling follows where it says.
LAYERS = [
    *[(3, 1), (3, 1), (3, 1), "pool"],
    *[(3, 2), (3, 2), (3, 2), "pool"],
    *[(3, 4), (1, 2), (1, 1)],
]


def trainable_parameters(filters, channels, classes):
    """Kernels, scale and shift of each normalization, and the dense layer."""
    total, inputs = 0, channels
    for layer in LAYERS:
        if layer != "pool":
            size, times = layer
            total += size * size * inputs * filters * times + 2 * filters * times
            inputs = filters * times
    return total + inputs * classes + classes


def convolve(x, kernel, border):
    """Cross-correlation, one output pixel a time, with a border of zeros."""
    x = np.pad(x, [(0, 0), (border, border), (border, border), (0, 0)])
    size = len(kernel)
    rows, columns = x.shape[1] - size + 1, x.shape[2] - size + 1
    result = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for i in range(rows):
        for j in range(columns):
            patch = x[:, i : i + size, j : j + size]
            result[:, i, j] = np.einsum("nijc,ijcf->nf", patch, kernel)
    return result


def pool(x):
    """The largest of each 2x2 square; squares at the end may be cut off."""
    rows, columns = (x.shape[1] + 1) // 2, (x.shape[2] + 1) // 2
    result = np.zeros((len(x), rows, columns, x.shape[3]))
    for i in range(rows):
        for j in range(columns):
            square = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            result[:, i, j] = square.max((1, 2))
    return result


def forward(images, kernels, norms, dense, training=False):
    """Logits without dropout.

    Args:
        images: float [B, H, W, channels].
        kernels: of the nine convolutions in their order.
        norms: (gamma, beta, mean, variance) of the normalization behind each.
        dense: (kernel, bias) of the last layer.
        training: whether to normalize with the statistics of the batch.
    """
    x, kernels, norms = images, iter(kernels), iter(norms)
    for layer in LAYERS:
        if layer == "pool":
            x = pool(x)
            continue
        border = layer[0] // 2
        if layer == (3, 4) and min(x.shape[1:3]) >= 3:
            border = 0
        x = convolve(x, next(kernels), border)
        gamma, beta, mean, variance = next(norms)
        if training:
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        x = gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
        x = np.where(x > 0, x, 0.1 * x)
    kernel, bias = dense
    return x.mean((1, 2)) @ kernel + bias
