"""Oracles of cross-consistency training's perturbations, place by place.

Ouali, Hudelot and Tami 2020 (arXiv:2003.09005), and release.
"""

from __future__ import annotations

import numpy as np


def feature_noise(z, uniforms, size):
    """Every activation changes by up to `size` of itself."""
    result = np.zeros(np.shape(z))
    for i in np.ndindex(*result.shape):
        low, high = -size, size
        result[i] = z[i] * (1 + low + (high - low) * float(uniforms[i]))
    return result


def feature_drop(z, share):
    """What is at least a share of the image's largest mean activation becomes 0."""
    result = np.array(z, np.float64)
    for image, part in zip(result, share):
        means = [[sum(place) / len(place) for place in row] for row in image]
        largest = max(max(row) for row in means)
        for r, row in enumerate(means):
            for c, value in enumerate(row):
                if value >= part * largest:
                    image[r, c] = 0
    return result


def spatial_dropout(z, uniforms, rate):
    """Whole channels are 0; the others make up for them."""
    result = np.zeros(np.shape(z))
    for n, image in enumerate(z):
        for channel in range(image.shape[-1]):
            if uniforms[n][channel] >= rate:
                result[n, ..., channel] = image[..., channel] / (1 - rate)
    return result


def nearest(length, small):
    """Which of `length` pixels each of `small` features lies on, corner on corner."""
    if small == 1:
        return [0]
    step = (length - 1) / (small - 1)
    return [int(np.floor(index * step + 0.5)) for index in range(small)]


def masked_features(z, mask):
    """Features on pixels of which the mask is 0 become 0."""
    result = np.array(z, np.float64)
    rows = nearest(np.shape(mask)[1], result.shape[1])
    columns = nearest(np.shape(mask)[2], result.shape[2])
    for n, r, c in np.ndindex(*result.shape[:3]):
        if not mask[n][rows[r]][columns[c]]:
            result[n, r, c] = 0
    return result


def foreground(scores, background):
    """Pixels whose first largest score is not the background's."""
    labels = np.argmax(scores, -1)
    result = np.zeros(labels.shape)
    for image, marks in zip(labels, result):
        classes = list(image.ravel())
        ignored = background
        if background < 0:
            counts = [classes.count(k) for k in range(np.shape(scores)[-1])]
            ignored = counts.index(max(counts))
        for i in np.ndindex(*image.shape):
            marks[i] = float(image[i] != ignored)
    return result


def object_boxes(mask, outline):
    """Boxes of one mask, those of the longest outlines first; flood filling."""
    height, width = mask.shape
    left, found = {tuple(i) for i in np.argwhere(mask)}, []
    everything = set(left)
    for start in sorted(left):
        if start not in left:
            continue
        members, open_ = [], [start]
        left.discard(start)
        while open_:
            r, c = open_.pop()
            members.append((r, c))
            for other in [(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
                if other in left:
                    left.discard(other)
                    open_.append(other)
        edge = sum(
            not {(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)} <= everything
            for r, c in members
        )
        rows, columns = zip(*members)
        box = (min(rows), min(columns))
        box += (max(rows) - min(rows), max(columns) - min(columns))
        found.append((edge, box))
    found.sort(key=lambda each: -each[0])
    return [box for edge, box in found if edge > outline]


def cutout_mask(boxes, uniforms, height, width, share):
    """List the places where the smaller box fits and pick one."""
    masks = np.ones([len(boxes), height, width])
    for n, m in np.ndindex(*np.shape(boxes)[:2]):
        first, sides = boxes[n][m][:2], boxes[n][m][2:]
        spans = []
        for axis in (0, 1):
            side = int(sides[axis])
            starts = range(int(first[axis]), int(first[axis] + side * (1 - share)) + 1)
            start = starts[int(float(uniforms[n][m][axis]) * len(starts))]
            spans.append(slice(start, start + int(side * share)))
        masks[n][spans[0], spans[1]] = 0
    return masks
