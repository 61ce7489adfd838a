"""Flip and pad-and-crop, done in the order of its name on one image a time."""

import numpy as np


def variant(image, down, right, padding, flip, fill=None):
    """Pad by reflection or with a grey, cut out at (down, right), and mirror or not."""
    border = [(padding, padding), (padding, padding), (0, 0)]
    if fill is None:
        padded = np.pad(image, border, mode="reflect")
    else:
        padded = np.pad(image, border, mode="constant", constant_values=fill)
    height, width = image.shape[:2]
    crop = padded[down : down + height, right : right + width]
    return crop[:, ::-1] if flip else crop


def variants(image, padding, flip, fill=None):
    """All images that the augmentation can make of an image, each equally likely."""
    places = range(2 * padding + 1)
    return [
        variant(image, down, right, padding, mirrored, fill)
        for down in places
        for right in places
        for mirrored in ([False, True] if flip else [False])
    ]


def crop_flip(images, uniforms, padding, flip, fill=None):
    """Draw the place in the padded image, then toss the coin."""
    results = []
    for image, (first, second, third) in zip(images, uniforms):
        down = int(float(first) * (2 * padding + 1))
        right = int(float(second) * (2 * padding + 1))
        mirrored = flip and third < 0.5
        results.append(variant(image, down, right, padding, mirrored, fill))
    return np.stack(results)
