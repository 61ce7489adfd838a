"""Masks of every kind that labelling programs write."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data.segmentation import label_maps
from mixdmt_tf.data.segmentation.colours import Palette
from mixdmt_tf.errors import UserError
from tests.data.segmentation import files

NUMBERS = files.numbers()  # 0, 1, 2 and 255
COLOURS = np.zeros((256, 3), np.uint8)
COLOURS[[0, 1, 2, 255]] = [[0, 0, 0], [200, 10, 10], [10, 200, 10], [255, 255, 255]]
CODES = {0x000000: 0, 0xC80A0A: 1, 0x0AC80A: 2, 0xFFFFFF: 255}
PALETTE = Palette(("a", "b", "c"), CODES)
LENIENT = Palette(("a", "b", "c"), CODES, strict=False)


def raw_png(path, rows, bits):
    """A grey PNG of so many bits, by the specification of PNG alone."""

    def chunk(name, content):
        crc = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), bits, 0, 0, 0, 0)
    lines = b""
    for row in rows:
        digits = "".join(f"{number:0{bits}b}" for number in row)
        digits += "0" * (-len(digits) % 8)
        line = [int(digits[i : i + 8], 2) for i in range(0, len(digits), 8)]
        lines += b"\0" + bytes(line)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_numbers_of_any_depth(tmp_path, bits):
    """Pillow brings 2 and 4 bits to the range of 8; numbers of classes must not be."""
    rows = np.random.RandomState(0).randint(0, min(2**bits, 256), (5, 7)).tolist()
    raw_png(tmp_path / "m.png", rows, bits)
    found = label_maps.read(tmp_path / "m.png")
    assert found.dtype == np.uint8
    assert found.tolist() == rows


def test_16_bits_have_a_number_of_their_own_for_what_is_ignored(tmp_path):
    raw_png(tmp_path / "m.png", [[0, 2, 255, 65535]], 16)
    assert label_maps.read(tmp_path / "m.png").tolist() == [[0, 2, 255, 255]]
    raw_png(tmp_path / "m.png", [[0, 2, 255, 65534]], 16)
    with pytest.raises(UserError, match="numbers from 0 to 65534; expected 0 to 255"):
        label_maps.read(tmp_path / "m.png")
    with pytest.raises(UserError, match=r"^\S*m.png: grey of 16 bits, which has no"):
        label_maps.read(tmp_path / "m.png", PALETTE)


@pytest.mark.parametrize("ending", ["png", "bmp"])
def test_indices_count_without_colours_and_colours_with_them(tmp_path, ending):
    """The same colours in another order, as of programs that make files smaller."""
    order = np.array([2, 0, 3, 1])  # of the classes in the palette of the file
    colours = COLOURS[[0, 1, 2, 255]][np.argsort(order)]
    indices = np.zeros(256, np.uint8)
    indices[[0, 1, 2, 255]] = order
    path = files.save(
        tmp_path / f"m.{ending}", indices[NUMBERS], colours.ravel().tolist()
    )
    np.testing.assert_array_equal(label_maps.read(path), indices[NUMBERS])
    np.testing.assert_array_equal(label_maps.read(path, PALETTE), NUMBERS)


def test_rgb_with_and_without_opacity(tmp_path):
    path = files.save(tmp_path / "m.png", COLOURS[NUMBERS])
    np.testing.assert_array_equal(label_maps.read(path, PALETTE), NUMBERS)
    assert label_maps.has_colours(path)
    with pytest.raises(UserError, match=r"\(RGB\); .*colours.txt .* bin/inspect"):
        label_maps.read(path)
    opacity = np.full((5, 7, 1), 255, np.uint8)
    path = files.save(tmp_path / "m.png", np.dstack([COLOURS[NUMBERS], opacity]))
    np.testing.assert_array_equal(label_maps.read(path, PALETTE), NUMBERS)
    opacity[3, 4] = 100
    path = files.save(tmp_path / "m.png", np.dstack([COLOURS[NUMBERS], opacity]))
    with pytest.raises(UserError, match="most often transparent .1 pixels, .*row 3, c"):
        label_maps.read(path, PALETTE)
    expected = NUMBERS.copy()
    expected[3, 4] = 255
    np.testing.assert_array_equal(label_maps.read(path, LENIENT), expected)


def test_black_and_white(tmp_path):
    """Grey is a colour too: the masks of 0 and 255 that many programs write."""
    palette = Palette(("no", "yes"), {0x000000: 0, 0xFFFFFF: 1})
    binary = np.where(NUMBERS == 1, 255, 0)
    path = files.save(tmp_path / "m.png", binary)
    assert not label_maps.has_colours(path)
    np.testing.assert_array_equal(label_maps.read(path, palette), NUMBERS == 1)
    Image.fromarray(binary.astype(np.uint8)).convert("1").save(path)
    np.testing.assert_array_equal(label_maps.read(path, palette), NUMBERS == 1)


def test_smoothed_edges_are_counted_or_left_out(tmp_path):
    big = np.kron(NUMBERS, np.ones((20, 20), np.uint8))
    sharp = Image.fromarray(COLOURS[big])
    smooth = sharp.resize((133, 95), Image.Resampling.BILINEAR)
    smooth.save(tmp_path / "m.png")
    codes = label_maps.read_codes(tmp_path / "m.png")
    strange = ~np.isin(codes, [*CODES])
    assert 0.05 < strange.mean() < 0.5
    kinds, counts = np.unique(codes[strange], return_counts=True)
    code = kinds[counts.argmax()]
    row, column = np.argwhere(codes == code)[0]
    with pytest.raises(UserError) as caught:
        label_maps.read(tmp_path / "m.png", PALETTE)
    message = str(caught.value)
    assert f"m.png: {strange.sum():,} pixels of {len(kinds):,} colours" in message
    assert f"most often #{code:06x} ({counts.max():,} pixels" in message
    assert f"the first in row {row}, column {column})" in message
    assert "--unknown_colour=ignore" in message and "\n" not in message
    found = label_maps.read(tmp_path / "m.png", LENIENT)
    assert (found[strange] == 255).all()
    assert (found[~strange] == [CODES[each] for each in codes[~strange]]).all()


def test_damaged_masks(tmp_path):
    path = files.save(tmp_path / "m.png", np.kron(COLOURS[NUMBERS], np.ones((9, 9, 1))))
    path.write_bytes(path.read_bytes()[:100])
    for palette in (None, PALETTE):
        with pytest.raises(UserError, match="m.png: "):
            label_maps.read(path, palette)
    path.write_text("hello")
    assert not label_maps.has_colours(path)
    assert label_maps.read_palette(path, 3) is None
