"""Contact sheets."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFont

from mixdmt_tf.runs import contact_sheets
from mixdmt_tf.runs.contact_sheets import FONT, GAP, LINE, SIDE


def plain(colour, width=40, height=40):
    return Image.new("RGB", (width, height), colour)


def test_pictures_stand_in_rows():
    pictures = [plain("red"), plain("blue", 80, 40), plain("lime")]
    found = contact_sheets.sheet(pictures, [["a", "b"], ["c"], []], columns=2)
    width, height = SIDE + GAP, SIDE + 2 * LINE + GAP
    assert found.shape == (2 * height + GAP, 2 * width + GAP, 3)
    assert found.dtype == np.uint8
    assert found[GAP, GAP].tolist() == [255, 0, 0]
    # A wide picture keeps its shape and stands in the middle.
    assert found[GAP, width + GAP].tolist() == [255, 255, 255]
    assert found[GAP + SIDE // 2, width + GAP].tolist() == [0, 0, 255]
    assert found[height + GAP, GAP].tolist() == [0, 255, 0]
    below = found[GAP + SIDE : height, GAP : GAP + SIDE]
    assert (below < 128).any()  # the words


def test_tiny_images_are_enlarged_in_squares():
    image = np.zeros((2, 2, 1), np.uint8)
    image[0, 0] = 200
    found = np.asarray(contact_sheets.thumbnail(contact_sheets.of_array(image)))
    assert found.shape == (SIDE, SIDE, 3)
    assert set(found.ravel().tolist()) == {0, 200}
    assert (found[: SIDE // 2, : SIDE // 2] == 200).all()


def test_long_lines_are_shortened_and_controls_written_out():
    font = ImageFont.load_default(FONT)
    assert contact_sheets.shortened("short", font) == "short"
    found = contact_sheets.shortened("a/" * 100 + "name.jpg", font)
    assert found.startswith("...") and found.endswith("/name.jpg")
    assert font.getlength(found) <= SIDE
    assert "\n" not in contact_sheets.shortened("a\nb", font)


@pytest.mark.parametrize("pictures, captions", [([], []), ([plain("red")], [])])
def test_numbers_that_do_not_fit(pictures, captions):
    with pytest.raises(ValueError):
        contact_sheets.sheet(pictures, captions)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_images_of_any_channels_are_pictures(channels):
    """A fourth channel is no transparency: the others are shown as they are."""
    image = np.random.default_rng(0).integers(0, 256, (5, 4, channels), np.uint8)
    shown = np.asarray(contact_sheets.of_array(image))
    first = image[..., [0, 1, 2] if channels > 2 else [0, 0, 0]]
    np.testing.assert_array_equal(shown, first)
