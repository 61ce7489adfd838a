"""Random erasing (Zhong et al. 2017) as a loop over images and over attempts."""

import math


def rectangle(uniforms, height, width):
    """Draw area, aspect, top and left until the rectangle fits.

    Args:
        uniforms: an iterator of numbers in [0, 1), four for each attempt.
        height: of the image.
        width: of the image.

    Returns:
        (top, left, tall, wide); raises StopIteration when the numbers run out.
    """
    while True:
        area = (0.02 + (0.4 - 0.02) * next(uniforms)) * height * width
        aspect = 0.3 + (1 / 0.3 - 0.3) * next(uniforms)
        tall = int(math.sqrt(area * aspect))
        wide = int(math.sqrt(area / aspect))
        top = int(next(uniforms) * height)
        left = int(next(uniforms) * width)
        if left + wide <= width and top + tall <= height:
            return top, left, tall, wide


def random_erasing(images, uniforms):
    """Erase; an image whose numbers run out before a rectangle fits stays whole."""
    results = images.copy()
    for result, numbers in zip(results, uniforms):
        numbers = iter([float(number) for number in numbers])
        if next(numbers) >= 0.3:
            continue
        grey = int(255 * next(numbers))
        try:
            top, left, tall, wide = rectangle(numbers, *result.shape[:2])
        except StopIteration:
            continue
        for row in range(top, top + tall):
            for column in range(left, left + wide):
                result[row, column, :] = grey
    return results
