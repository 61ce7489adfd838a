"""Images that tests of augmentation share: uint8 [n, H, W, C]."""

import functools

import numpy as np
from sklearn import datasets


def noise(count, shape=(32, 32, 3), seed=0):
    """Every level in every channel, without any symmetry."""
    pixels = np.random.RandomState(seed).randint(0, 256, (count,) + shape)
    return pixels.astype(np.uint8)


def of_few_levels(count, shape=(32, 32, 3), seed=0):
    """Channels that use a part of the 256 levels only, each another one."""
    random = np.random.RandomState(seed)
    channels = (count, 1, 1, shape[2])
    start, width = random.randint(0, 200, channels), random.randint(1, 56, channels)
    pixels = start + random.uniform(size=(count,) + shape) * width
    return pixels.astype(np.uint8)


def flat(count, shape=(32, 32, 3), seed=0):
    """One level per channel, black and white among them."""
    levels = np.random.RandomState(seed).randint(0, 256, (count, 1, 1, shape[2]))
    levels[:2] = [[[[0]]], [[[255]]]]
    return np.tile(levels, (1,) + shape[:2] + (1,)).astype(np.uint8)


def with_one_other_pixel(count, shape=(32, 32, 3), seed=0):
    """Flat but for one pixel, which is darker or brighter."""
    images = flat(count, shape, seed)
    images[:, shape[0] // 2, shape[1] // 3] = 255 - images[:, 0, 0]
    return images


def digits(count):
    """scikit-learn's handwritten digits, 8x8, grey."""
    pixels = datasets.load_digits().images[:count, ..., None]
    return (pixels * 15.9).astype(np.uint8)


@functools.lru_cache(maxsize=None)
def photographs():
    """Pieces of scikit-learn's two photographs: 24 of 48x64 pixels, in colour."""
    pieces = []
    for photograph in datasets.load_sample_images().images:
        for top in range(50, 350, 100):
            for left in range(30, 590, 150):
                pieces.append(photograph[top : top + 48, left : left + 64])
    return np.stack(pieces)


KINDS = {
    "noise": lambda: noise(40),
    "noise, grey": lambda: noise(40, (32, 32, 1), 1),
    "not square": lambda: noise(20, (20, 33, 3), 2),
    "few levels": lambda: of_few_levels(40),
    "few levels, grey": lambda: of_few_levels(40, (24, 24, 1), 3),
    "flat": lambda: flat(20),
    "one other pixel": lambda: with_one_other_pixel(20),
    "digits": lambda: digits(60),
    "photographs": photographs,
    "1 x 1": lambda: noise(20, (1, 1, 3)),
    "2 x 2": lambda: noise(20, (2, 2, 3)),
    "3 x 1": lambda: noise(20, (3, 1, 1)),
    "96 x 96": lambda: noise(8, (96, 96, 3), 4),
}


def uniforms(count, number, seed=0):
    """Random numbers in [0, 1): float32 [count, number]."""
    return np.random.RandomState(seed).uniform(size=(count, number)).astype("f")


LARGEST = np.nextafter(np.float32(1), np.float32(0))  # number below 1
