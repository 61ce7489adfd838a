"""Files as TensorFlow decodes them, beside Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from mixdmt_tf.runs import image_bytes

ORIENTATION = 0x0112


def smooth(height, width, channels=3):
    small = np.random.default_rng(5).integers(0, 256, (3, 4, channels), np.uint8)
    picture = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    return picture


def content(picture, kind="JPEG", **options):
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def decoded(data):
    return image_bytes.decoded(tf.constant(data)).numpy()


def exif(orientation, endian):
    """EXIF with a maker's name before the orientation, as cameras write it."""
    order = {"little": b"II*\0", "big": b"MM\0*"}[endian]

    def number(value, size):
        return value.to_bytes(size, endian)

    entries = (
        number(0x010F, 2) + number(2, 2) + number(3, 4) + b"ab\0\0",
        number(ORIENTATION, 2) + number(3, 2) + number(1, 4),
    )
    directory = (
        number(2, 2) + entries[0] + entries[1] + number(orientation, 2) + b"\0\0"
    )
    return b"Exif\0\0" + order + number(8, 4) + directory + number(0, 4)


@pytest.mark.parametrize("endian", ["little", "big"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_which_side_is_up(orientation, endian):
    data = content(smooth(16, 24), quality=95, exif=exif(orientation, endian))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert expected.shape[:2] == ((24, 16) if orientation > 4 else (16, 24))
    found = decoded(data)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_which_side_is_up_of_a_png(orientation):
    picture = smooth(16, 24)
    data = content(picture, "PNG", exif=exif(orientation, "big"))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(decoded(data), expected)


@pytest.mark.parametrize("orientation", [0, 9, 300])
def test_a_note_that_means_nothing_turns_nothing(orientation):
    data = content(smooth(16, 24), exif=exif(orientation, "big"))
    assert decoded(data).shape == (16, 24, 3)


def test_bytes_that_look_like_a_note_are_none_without_exif():
    pattern = bytes([0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0])
    data = content(smooth(16, 24), comment=pattern)
    assert pattern in data
    assert decoded(data).shape == (16, 24, 3)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "I;16"])
def test_pngs_of_all_kinds(mode):
    picture = smooth(9, 7)
    if mode == "I;16":
        values = np.asarray(picture)[..., 0].astype(np.uint16) * 256 + 77
        data = content(Image.fromarray(values), "PNG")
        expected = np.repeat((values >> 8)[..., np.newaxis], 3, -1)
    else:
        data = content(picture.convert(mode), "PNG")
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(decoded(data), expected)


def test_what_is_transparent_lies_on_white():
    data = content(smooth(9, 7, 4), "PNG")
    picture = Image.open(io.BytesIO(data))
    white = Image.new("RGBA", picture.size, "white")
    expected = np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
    assert np.abs(decoded(data).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("colours", "bits"), [(2, 1), (4, 2), (16, 4), (17, 8)])
def test_palettes_of_few_colours_are_opaque(colours, bits):
    picture = smooth(9, 7).quantize(colours)
    data = content(picture, "PNG")
    assert data[24] == bits
    np.testing.assert_array_equal(decoded(data), picture.convert("RGB"))


def test_a_transparent_colour_of_a_palette_of_four_bits():
    picture = smooth(9, 7).quantize(12)
    data = content(picture, "PNG", transparency=bytes([0, 100] + [255] * 10))
    assert data[24] == 4
    read = Image.open(io.BytesIO(data)).convert("RGBA")
    white = Image.new("RGBA", read.size, "white")
    expected = np.asarray(Image.alpha_composite(white, read).convert("RGB"))
    assert np.abs(decoded(data).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["L", "CMYK"])
def test_jpegs_of_other_colours(kind):
    data = content(smooth(16, 24).convert(kind), quality=95)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.abs(decoded(data).astype(int) - expected).max() <= 3


@pytest.mark.parametrize("size", [(5, 6), (40, 31), (9, 70)])
def test_resizing_is_pillows(size):
    picture = smooth(*size)
    expected = picture.resize((8, 12), Image.Resampling.BILINEAR)
    images = tf.constant(np.asarray(picture)[np.newaxis])
    found = image_bytes.resized(images, 12, 8).numpy()[0]
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - np.asarray(expected)).max() <= 1


def test_resizing_to_the_same_size_changes_nothing():
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 8, 3), np.uint8)
    np.testing.assert_array_equal(image_bytes.resized(images, 12, 8), images)
