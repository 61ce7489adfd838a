"""Dilated residual networks in NumPy, with weights under torchvision's names.

Written from torchvision's rules: `_make_layer` of a bottleneck network 'v1.5' with
`replace_stride_with_dilation`, symmetric padding, convolution kernels [out, in, h, w].
"""

import numpy as np

BLOCKS = {14: (1, 1, 1, 1), 26: (2,) * 4, 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def plan(depth, output_stride):
    """(stage, block, stride, dilation of the 3x3 convolution) of every block."""
    replace = {32: (0, 0, 0), 16: (0, 0, 1), 8: (0, 1, 1)}[output_stride]
    dilation, blocks = 1, []
    for stage, number in enumerate(BLOCKS[depth]):
        stride, previous = (1 if stage == 0 else 2), dilation
        if stage > 0 and replace[stage - 1]:
            dilation *= stride
            stride = 1
        blocks.append((stage, 0, stride, previous))
        blocks += [(stage, index, 1, dilation) for index in range(1, number)]
    return blocks


def parameters(depth, width=64, biases=False):
    """Weights that are learned, without the classifier.

    Biases are those of the convolutions, as keras.applications has them.
    """
    more = 1 if biases else 0
    total = width * (7 * 7 * 3 + more) + 2 * width
    inputs = width
    for stage, index, _, _ in plan(depth, 32):
        filters = width * 2**stage
        sizes = [(inputs, filters, 1), (filters, filters, 3), (filters, 4 * filters, 1)]
        if index == 0:
            sizes.append((inputs, 4 * filters, 1))
        for before, after, kernel in sizes:
            total += after * (before * kernel**2 + more) + 2 * after
        inputs = 4 * filters
    return total


def weights(depth, width, classes, rates, seed=0):
    """Random weights of the whole of DeepLab-v2, as a dictionary of float32 arrays."""
    random = np.random.RandomState(seed)
    made = {}

    def convolution(name, before, after, kernel):
        shape = (after, before, kernel, kernel)
        deviation = (2 / (before * kernel**2)) ** 0.5
        made[f"{name}.weight"] = random.normal(0, deviation, shape)

    def norm(name, channels):
        made[f"{name}.weight"] = random.uniform(0.5, 1.5, channels)
        made[f"{name}.bias"] = random.normal(0, 0.2, channels)
        made[f"{name}.running_mean"] = random.normal(0, 0.2, channels)
        made[f"{name}.running_var"] = random.uniform(0.5, 2, channels)

    convolution("conv1", 3, width, 7)
    norm("bn1", width)
    inputs = width
    for stage, index, _, _ in plan(depth, 32):
        filters, name = width * 2**stage, f"layer{stage + 1}.{index}"
        for number, (before, after, kernel) in enumerate(
            [(inputs, filters, 1), (filters, filters, 3), (filters, 4 * filters, 1)], 1
        ):
            convolution(f"{name}.conv{number}", before, after, kernel)
            norm(f"{name}.bn{number}", after)
        if index == 0:
            convolution(f"{name}.downsample.0", inputs, 4 * filters, 1)
            norm(f"{name}.downsample.1", 4 * filters)
        inputs = 4 * filters
    for branch in range(len(rates)):
        convolution(f"classifier.0.convs.{branch}", inputs, classes, 3)
        made[f"classifier.0.convs.{branch}.bias"] = random.normal(0, 0.3, classes)
    return {name: value.astype(np.float32) for name, value in made.items()}


def convolve(x, kernel, stride=1, dilation=1):
    """Cross-correlation of [B, H, W, in] with [out, in, k, k], padded like torch's."""
    size = kernel.shape[2]
    pad = dilation * (size // 2)
    x = np.pad(x, [(0, 0), (pad, pad), (pad, pad), (0, 0)])
    out = [
        (length - dilation * (size - 1) - 1) // stride + 1 for length in x.shape[1:3]
    ]
    result = np.zeros((len(x), *out, kernel.shape[0]))
    for i in range(size):
        for j in range(size):
            rows = slice(i * dilation, i * dilation + stride * (out[0] - 1) + 1, stride)
            columns = slice(
                j * dilation, j * dilation + stride * (out[1] - 1) + 1, stride
            )
            result += x[:, rows, columns] @ kernel[:, :, i, j].T.astype(np.float64)
    return result


def pool(x):
    """3x3 maxima at every second pixel; what lies outside never wins."""
    border = [(0, 0), (1, 1), (1, 1), (0, 0)]
    x = np.pad(x, border, constant_values=-np.inf)
    out = [(length - 3) // 2 + 1 for length in x.shape[1:3]]
    windows = [
        x[:, i : i + 2 * out[0] - 1 : 2, j : j + 2 * out[1] - 1 : 2]
        for i in range(3)
        for j in range(3)
    ]
    return np.max(windows, axis=0)


def features(images, made, depth, output_stride):
    """Features of normalized images [B, H, W, 3] with the running statistics."""

    def norm(x, name):
        mean, variance = made[f"{name}.running_mean"], made[f"{name}.running_var"]
        x = (x - mean) / np.sqrt(variance.astype(np.float64) + 1e-5)
        return x * made[f"{name}.weight"] + made[f"{name}.bias"]

    x = convolve(images, made["conv1.weight"], 2)
    x = pool(np.maximum(norm(x, "bn1"), 0))
    for stage, index, stride, dilation in plan(depth, output_stride):
        name = f"layer{stage + 1}.{index}"
        shortcut = x
        if f"{name}.downsample.0.weight" in made:
            shortcut = convolve(x, made[f"{name}.downsample.0.weight"], stride)
            shortcut = norm(shortcut, f"{name}.downsample.1")
        x = convolve(x, made[f"{name}.conv1.weight"])
        x = np.maximum(norm(x, f"{name}.bn1"), 0)
        x = convolve(x, made[f"{name}.conv2.weight"], stride, dilation)
        x = np.maximum(norm(x, f"{name}.bn2"), 0)
        x = norm(convolve(x, made[f"{name}.conv3.weight"]), f"{name}.bn3")
        x = np.maximum(x + shortcut, 0)
    return x


def head(x, made, rates):
    """Sum of the head's convolutions, one for each atrous rate."""
    total = 0
    for branch, rate in enumerate(rates):
        name = f"classifier.0.convs.{branch}"
        convolved = convolve(x, made[f"{name}.weight"], dilation=rate)
        total = total + convolved + made[f"{name}.bias"]
    return total
