"""Image operations by Pillow, one image at a time, and policies as loops around them.

What a magnitude means is written here as the released code of UDA, FixMatch and DMT
has it, one line per operation.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

AFFINE = {
    "shear_x": lambda value: (1, value, 0, 0, 1, 0),
    "shear_y": lambda value: (1, 0, 0, value, 1, 0),
    "translate_x": lambda value: (1, 0, value, 0, 1, 0),
    "translate_y": lambda value: (1, 0, 0, 0, 1, value),
}
ENHANCE = {
    "color": ImageEnhance.Color,
    "contrast": ImageEnhance.Contrast,
    "brightness": ImageEnhance.Brightness,
    "sharpness": ImageEnhance.Sharpness,
}


def operation(name, pixels, value, centre=(0, 0), outside=0, patch=0):
    """One operation on one uint8 image [H, W, 1 or 3]."""
    if name == "cutout":
        return cutout(pixels, value, centre, patch)
    if name == "cutout_as_released":
        return cutout_as_released(pixels, value, centre, patch)
    grey = pixels.shape[2] == 1
    result = by_pillow(name, as_image(pixels), value, of_mode(outside, grey))
    return np.asarray(result).reshape(pixels.shape)


def by_pillow(name, image, value, outside):
    """The operations that Pillow has, on its own images."""
    if name == "identity":
        return image
    if name == "autocontrast":
        return ImageOps.autocontrast(image)
    if name == "equalize":
        return ImageOps.equalize(image)
    if name == "invert":
        return ImageOps.invert(image)
    if name == "posterize":
        return ImageOps.posterize(image, max(1, int(value)))
    if name == "solarize":
        return ImageOps.solarize(image, value)
    if name == "solarize_add":
        brighter = np.clip(np.asarray(image).astype(float) + value, 0, 255)
        return ImageOps.solarize(Image.fromarray(brighter.astype(np.uint8)), 128)
    if name == "rotate":
        return image.rotate(value, fillcolor=outside)
    if name in ENHANCE:
        return ENHANCE[name](image).enhance(value)
    matrix = AFFINE[name](value)
    kind = Image.Transform.AFFINE
    return image.transform(image.size, kind, matrix, fillcolor=outside)


def as_image(pixels):
    """Pillow's image of an array."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def of_mode(colour, grey):
    """A colour as Pillow wants it, of an image of this kind."""
    if grey:
        if isinstance(colour, int):
            return colour
        return Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0))
    return (colour,) * 3 if isinstance(colour, int) else colour


def cutout(pixels, side, centre, colour):
    """Paint pixel after pixel; the centre is given by two numbers in [0, 1)."""
    result = pixels.copy()
    height, width, channels = pixels.shape
    side = int(side)
    top = int(centre[0] * height) - side // 2
    left = int(centre[1] * width) - side // 2
    for row in range(height):
        for column in range(width):
            if 0 <= row - top < side and 0 <= column - left < side:
                result[row, column] = of_mode(colour, channels == 1)
    return result


def cutout_as_released(pixels, side, centre, colour):
    """By Pillow, which paints the lower right border of a rectangle, too.

    NumPy's `uniform(size)` of the package draws between `size` and 1.
    """
    height, width, channels = pixels.shape
    middle = [size + (1 - size) * each for size, each in zip((height, width), centre)]
    top, left = (int(max(0, each - side / 2)) for each in middle)
    image, colour = as_image(pixels), of_mode(colour, channels == 1)
    corner = (min(width, left + side), min(height, top + side))
    ImageDraw.Draw(image).rectangle((left, top, *corner), colour)
    return np.asarray(image).reshape(pixels.shape)


# As in UDA: levels are whole numbers, and so are int(...) parameters. (height, width)
# stand for the 32 that the release takes for granted.
UDA = {
    "autocontrast": lambda level, height, width: 0,
    "equalize": lambda level, height, width: 0,
    "invert": lambda level, height, width: 0,
    "rotate": lambda level, height, width: int(level * 30 / 10),
    "posterize": lambda level, height, width: 4 - int(level * 4 / 10),
    "solarize": lambda level, height, width: 256 - int(level * 256 / 10),
    "color": lambda level, height, width: level * 1.8 / 10 + 0.1,
    "contrast": lambda level, height, width: level * 1.8 / 10 + 0.1,
    "brightness": lambda level, height, width: level * 1.8 / 10 + 0.1,
    "sharpness": lambda level, height, width: level * 1.8 / 10 + 0.1,
    "shear_x": lambda level, height, width: level * 0.3 / 10,
    "shear_y": lambda level, height, width: level * 0.3 / 10,
    "translate_x": lambda level, height, width: int(level * 10 * width / 320),
    "translate_y": lambda level, height, width: int(level * 10 * height / 320),
    "cutout": lambda level, height, width: int(level * 20 * min(height, width) / 320),
}
# As in DMT: m / 10 of the way from the lowest to the highest value.
DMT_AS_RELEASED = {
    "autocontrast": lambda m, height, width: 0,
    "equalize": lambda m, height, width: 0,
    "invert": lambda m, height, width: 0,
    "rotate": lambda m, height, width: m / 10 * 30,
    "posterize": lambda m, height, width: int(m / 10 * 4),
    "solarize": lambda m, height, width: m / 10 * 256,
    "solarize_add": lambda m, height, width: 11 * m,
    "color": lambda m, height, width: 0.1 + m / 10 * 1.8,
    "contrast": lambda m, height, width: 0.1 + m / 10 * 1.8,
    "brightness": lambda m, height, width: 0.1 + m / 10 * 1.8,
    "sharpness": lambda m, height, width: 0.1 + m / 10 * 1.8,
    "shear_x": lambda m, height, width: m / 10 * 0.3,
    "shear_y": lambda m, height, width: m / 10 * 0.3,
    "cutout_as_released": lambda m, height, width: 4 * m,
    "translate_x": lambda m, height, width: 10 * m,
    "translate_y": lambda m, height, width: 10 * m,
}
SIGNED = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")


def steps(image, choices, outside, patch):
    """Operations one after the other.

    Args:
        image: uint8 [H, W, C].
        choices: rows of (name, parameter, negative, applied, centre).
        outside: colour of what a moved image uncovers.
        patch: colour of Cutout.
    """
    for name, value, negative, applied, centre in choices:
        if applied:
            value = -value if negative and name in SIGNED else value
            image = operation(name, image, value, centre, outside, patch)
    return image


def uda(images, uniforms):
    """Two of 15 operations, each applied half of the time, and 16 pixels of Cutout."""
    names, results = list(UDA), []
    for image, numbers in zip(images, uniforms.astype(float)):
        choices = []
        for which, level, sign, coin, row, column in numbers[:12].reshape(2, 6):
            name = names[int(which * 15)]
            value = UDA[name](1 + int(level * 9), *image.shape[:2])
            choices.append((name, value, sign < 0.5, coin < 0.5, (row, column)))
        image = steps(image, choices, 127, 127)
        results.append(cutout(image, min(image.shape[:2]) / 2, numbers[12:], 127))
    return np.stack(results)


def dmt_as_released(images, uniforms):
    """One of 16 operations; black outside, Cutout in the mean colour of CIFAR-10."""
    names, results = list(DMT_AS_RELEASED), []
    for image, numbers in zip(images, uniforms.astype(float)):
        which, level, sign, _, row, column = numbers[:6]
        name = names[int(which * 16)]
        value = DMT_AS_RELEASED[name](1 + int(level * 10), *image.shape[:2])
        choice = (name, value, sign < 0.5, True, (row, column))
        results.append(steps(image, [choice], 0, (125, 123, 114)))
    return np.stack(results)


def autoaugment(images, uniforms, sub_policies):
    """One sub-policy of two operations, and 16 pixels of Cutout."""
    results = []
    for image, numbers in zip(images, uniforms.astype(float)):
        choices = []
        sub_policy = sub_policies[int(numbers[0] * len(sub_policies))]
        for place, (name, probability, level) in enumerate(sub_policy):
            coin, sign = numbers[1 + 2 * place : 3 + 2 * place]
            value = UDA[name](level, *image.shape[:2])
            choices.append((name, value, sign < 0.5, coin < probability, None))
        image = steps(image, choices, 127, 127)
        results.append(cutout(image, min(image.shape[:2]) / 2, numbers[5:], 127))
    return np.stack(results)
