"""Bilinear upsampling with aligned corners, one output pixel after the other."""

import math

import numpy as np


def source(index, length, out):
    """The two input pixels beside output pixel `index`, and how near the second is."""
    place = index * (length - 1) / (out - 1) if out > 1 else 0.0
    first = min(math.floor(place), length - 1)
    return first, min(first + 1, length - 1), place - first


def upsample(x, height, width):
    """Resizes [B, h, w, C] to [B, height, width, C] in double precision."""
    x = np.asarray(x, np.float64)
    result = np.zeros((x.shape[0], height, width, x.shape[3]))
    for row in range(height):
        top, bottom, down = source(row, x.shape[1], height)
        for column in range(width):
            left, right, along = source(column, x.shape[2], width)
            above = (1 - along) * x[:, top, left] + along * x[:, top, right]
            below = (1 - along) * x[:, bottom, left] + along * x[:, bottom, right]
            result[:, row, column] = (1 - down) * above + down * below
    return result
