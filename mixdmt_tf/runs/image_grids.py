"""Images for people: grids of images and a confusion matrix, as uint8 arrays."""

from __future__ import annotations

import numpy as np

from mixdmt_tf.data.band_files import seen


def grid(images: np.ndarray, columns: int, scale_to: int = 64) -> np.ndarray:
    """Tiles images into one image, small ones enlarged without smoothing.

    Args:
        images: uint8 [n, H, W, C].
        columns: images per row; the last row is filled with white.
        scale_to: enlarge by whole factors until the height reaches about this.

    Returns:
        uint8 [rows, columns, 3] in pixels, with a white line between the tiles.
    """
    images = seen(images)
    factor = max(1, scale_to // images.shape[1])
    images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    images = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)
    rows = -(-len(images) // columns)
    blank = np.full((rows * columns - len(images),) + images.shape[1:], 255, np.uint8)
    tiles = np.concatenate([images, blank]).reshape((rows, columns) + images.shape[1:])
    height, width = images.shape[1:3]
    return tiles.swapaxes(1, 2).reshape(rows * height, columns * width, 3)


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, num_classes: int
) -> np.ndarray:
    """Counts, int64 [true class, predicted class]."""
    cells = labels.astype(np.int64) * num_classes + predicted
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def matrix_picture(counts: np.ndarray, cell: int = 24) -> np.ndarray:
    """A confusion matrix as shades of blue, rows (true classes) scaled to one.

    Returns:
        uint8 [classes * cell, classes * cell, 3].
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shade = np.kron(shares, np.ones((cell, cell)))[..., None]
    white, blue = np.array([255.0, 255.0, 255.0]), np.array([8.0, 48.0, 107.0])
    return (white + (blue - white) * shade).astype(np.uint8)
