"""Images in slow NumPy: joint augmentation, VOC's colours, DMT's splits."""

import math
import random

import numpy as np


def resize_bilinear(image, height, width):
    """One pixel after the other, half-pixel centres, the border repeated."""
    rows, columns = image.shape[:2]
    result = np.zeros((height, width, 3))
    for i in range(height):
        for j in range(width):
            y = min(max((i + 0.5) * rows / height - 0.5, 0), rows - 1)
            x = min(max((j + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = math.floor(y), math.floor(x)
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            down, along = y - top, x - left
            upper = (1 - along) * image[top, left] + along * image[top, right]
            lower = (1 - along) * image[bottom, left] + along * image[bottom, right]
            result[i, j] = (1 - down) * upper + down * lower
    return result


def resize_nearest(values, height, width):
    """The pixel in which the centre lies."""
    rows, columns = values.shape
    result = np.zeros((height, width), values.dtype)
    for i in range(height):
        for j in range(width):
            y = (2 * i + 1) * rows // (2 * height)
            x = (2 * j + 1) * columns // (2 * width)
            result[i, j] = values[y, x]
    return result


def scale_crop_flip(
    image,
    labels,
    confidence,
    uniforms,
    crop,
    scale=(0.5, 1.5),
    flip=True,
    fill=(0,) * 3,
):
    """Scale all of it, pad all of it, cut out, mirror."""
    u = np.asarray(uniforms, np.float32)
    factor = np.float32(scale[0]) + np.float32(scale[1] - scale[0]) * u[0]
    height, width = (max(int(factor * np.float32(n)), 1) for n in labels.shape)
    image = resize_bilinear(image.astype(float), height, width)
    labels = resize_nearest(labels, height, width)
    confidence = resize_nearest(confidence, height, width)

    below, right = max(crop[0] - height, 0), max(crop[1] - width, 0)
    padded = np.empty((height + below, width + right, 3))
    padded[:] = fill
    padded[:height, :width] = image
    border = [(0, below), (0, right)]
    labels = np.pad(labels, border, constant_values=255)
    confidence = np.pad(confidence, border, constant_values=0)

    top = int(u[1] * np.float32(padded.shape[0] - crop[0] + 1))
    left = int(u[2] * np.float32(padded.shape[1] - crop[1] + 1))
    place = slice(top, top + crop[0]), slice(left, left + crop[1])
    results = [padded[place], labels[place], confidence[place]]
    if flip and u[3] < 0.5:
        results = [each[:, ::-1] for each in results]
    return results


def voc_colour(number):
    """One colour of VOC's development kit, bit by bit."""
    colour = [0, 0, 0]
    for place in range(7, -1, -1):
        for channel in range(3):
            colour[channel] += (number & 1) << place
            number >>= 1
    return colour


def labeled_lists(names, fractions, splits=3):
    """For each split and share s of 1/s the labelled names, as DMT drew them."""
    generator = random.Random(7777)
    names = list(names)
    drawn = []
    for _ in range(splits):
        generator.shuffle(names)
        lists = {}
        for s in fractions:
            count = int(len(names) / s)
            count += count % 8 == 1
            lists[s] = names[:count]
        drawn.append(lists)
    return drawn


def sampled_subsets(labeled_lists_by_size):
    """S_A and S_B of list after list, with one generator."""
    generator = random.Random(7777)
    subsets = []
    for names in labeled_lists_by_size:
        names = list(names)
        generator.shuffle(names)
        rest = math.ceil(len(names) / 5)
        subsets.append((names[: len(names) - rest], names[rest:]))
    return subsets
