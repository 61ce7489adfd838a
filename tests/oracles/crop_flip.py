"""Flip and reflect-pad-and-crop, done in the order of its name on one image a time."""

import numpy as np


def variant(image, down, right, padding, flip):
    """Pad by reflection, cut out at (down, right), and mirror or not."""
    border = [(padding, padding), (padding, padding), (0, 0)]
    padded = np.pad(image, border, mode="reflect")
    height, width = image.shape[:2]
    crop = padded[down : down + height, right : right + width]
    return crop[:, ::-1] if flip else crop


def variants(image, padding, flip):
    """All pictures that the augmentation can make of an image, each equally likely."""
    places = range(2 * padding + 1)
    return [
        variant(image, down, right, padding, mirrored)
        for down in places
        for right in places
        for mirrored in ([False, True] if flip else [False])
    ]


def crop_flip(images, uniforms, padding, flip):
    """Draw the place in the padded image, then toss the coin."""
    results = []
    for image, (first, second, third) in zip(images, uniforms):
        down = int(float(first) * (2 * padding + 1))
        right = int(float(second) * (2 * padding + 1))
        results.append(variant(image, down, right, padding, flip and third < 0.5))
    return np.stack(results)
