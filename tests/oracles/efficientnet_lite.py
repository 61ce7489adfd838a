"""EfficientNet-Lite in NumPy, with weights under the names of its PyTorch port.

Written from Tan and Le 2019 (arXiv:1905.11946), table 1, and the changes that "Lite"
stands for: no squeeze-and-excitation, ReLU6, stem and head of fixed size. Convolutions
pad as TensorFlow does, batch normalization's epsilon is 1e-3, pixels x from 0 to 255
come in as (x - 127) / 128.
"""

import math

import numpy as np

# Repeats, kernel, stride, expansion, channels in, channels out.
TABLE = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
]
WIDTH = {0: 1.0, 1: 1.0, 2: 1.1}
DEPTH = {0: 1.0, 1: 1.1, 2: 1.2}


def channels(number, size):
    """A multiple of 8 near number * width that is not less than 0.9 of it."""
    wanted = number * WIDTH[size]
    found = max(8, int(wanted + 4) // 8 * 8)
    return found + 8 if found < 0.9 * wanted else found


def blocks(size, output_stride=32):
    """(kernel, stride, rate, expansion, in, out) of every block."""
    plan, reached, rate = [], 2, 1
    for stage, (repeats, kernel, stride, expansion, before, after) in enumerate(TABLE):
        if stage not in (0, len(TABLE) - 1):
            repeats = math.ceil(repeats * DEPTH[size])
        before = 32 if stage == 0 else channels(before, size)
        after = channels(after, size)
        for index in range(repeats):
            own, own_rate = (stride if index == 0 else 1), rate
            if own == 2 and reached == output_stride:
                own, rate = 1, rate * 2  # from the next block on, as in DeepLab
            reached *= own
            plan.append((kernel, own, own_rate, expansion, before, after))
            before = after
    return plan


def weights(size, classes, seed=0):
    """Random weights, as a dictionary of float32 arrays."""
    random = np.random.RandomState(seed)
    made = {}

    def convolution(name, after, before, kernel):
        deviation = (2 / (before * kernel**2)) ** 0.5
        shape = (after, before, kernel, kernel)
        made[f"{name}.weight"] = random.normal(0, deviation, shape)

    def norm(name, channels):
        made[f"{name}.weight"] = random.uniform(0.7, 1.4, channels)
        made[f"{name}.bias"] = random.normal(0.3, 0.3, channels)
        made[f"{name}.running_mean"] = random.normal(0, 0.2, channels)
        made[f"{name}.running_var"] = random.uniform(0.5, 2, channels)

    convolution("_conv_stem", 32, 3, 3)
    norm("_bn0", 32)
    for number, (kernel, _, _, expansion, before, after) in enumerate(blocks(size)):
        name, wide = f"_blocks.{number}", before * expansion
        if expansion > 1:
            convolution(f"{name}._expand_conv", wide, before, 1)
            norm(f"{name}._bn0", wide)
        convolution(f"{name}._depthwise_conv", wide, 1, kernel)
        norm(f"{name}._bn1", wide)
        convolution(f"{name}._project_conv", after, wide, 1)
        norm(f"{name}._bn2", after)
    convolution("_conv_head", 1280, after, 1)
    norm("_bn1", 1280)
    made["_fc.weight"] = random.normal(0, 0.05, (classes, 1280))
    made["_fc.bias"] = random.normal(0, 0.3, classes)
    return {name: value.astype(np.float32) for name, value in made.items()}


def convolve(x, kernel, stride=1, rate=1, depthwise=False):
    """Cross-correlation of [B, H, W, in] with [out, in, k, k], output ceil(H / s)."""
    size = kernel.shape[2]
    reach = (size - 1) * rate + 1
    out, padding = [], [(0, 0)]
    for length in x.shape[1:3]:
        out.append(-(-length // stride))
        total = max((out[-1] - 1) * stride + reach - length, 0)
        padding.append((total // 2, total - total // 2))
    x = np.pad(x, [*padding, (0, 0)])
    result = np.zeros((len(x), *out, kernel.shape[0]))
    for i in range(size):
        for j in range(size):
            rows = slice(i * rate, i * rate + stride * (out[0] - 1) + 1, stride)
            columns = slice(j * rate, j * rate + stride * (out[1] - 1) + 1, stride)
            part, taps = x[:, rows, columns], kernel[:, :, i, j].astype(np.float64)
            result += part * taps[:, 0] if depthwise else part @ taps.T
    return result


def relu6(x):
    return np.clip(x, 0, 6)


def normalize(x, made, name):
    mean, variance = made[f"{name}.running_mean"], made[f"{name}.running_var"]
    x = (x - mean) / np.sqrt(variance.astype(np.float64) + 1e-3)
    return x * made[f"{name}.weight"] + made[f"{name}.bias"]


def features(images, made, size, output_stride=32):
    """Outputs of all blocks, for images [B, H, W, 3] in [-1, 1]."""
    x = ((images.astype(np.float64) + 1) * 127.5 - 127) / 128
    x = convolve(x, made["_conv_stem.weight"], 2)
    x = relu6(normalize(x, made, "_bn0"))
    outputs = []
    for number, plan in enumerate(blocks(size, output_stride)):
        _, stride, rate, expansion, before, after = plan
        name, shortcut = f"_blocks.{number}", x
        if expansion > 1:
            x = convolve(x, made[f"{name}._expand_conv.weight"])
            x = relu6(normalize(x, made, f"{name}._bn0"))
        depthwise = made[f"{name}._depthwise_conv.weight"]
        x = convolve(x, depthwise, stride, rate, depthwise=True)
        x = relu6(normalize(x, made, f"{name}._bn1"))
        x = convolve(x, made[f"{name}._project_conv.weight"])
        x = normalize(x, made, f"{name}._bn2")
        if stride == 1 and before == after:
            x = x + shortcut
        outputs.append(x)
    return outputs


def logits(images, made, size):
    """Logits [B, C]."""
    x = convolve(features(images, made, size)[-1], made["_conv_head.weight"])
    x = relu6(normalize(x, made, "_bn1")).mean((1, 2))
    return x @ made["_fc.weight"].T.astype(np.float64) + made["_fc.bias"]
