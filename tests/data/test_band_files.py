"""Images of any number of channels, from files to levels."""

from __future__ import annotations

import pickle
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from mixdmt_tf.data import band_files, image_files
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.errors import UserError

RNG = np.random.default_rng(5)
FOUR = RNG.integers(0, 256, (6, 9, 4)).astype(np.uint8)
DEEP = RNG.integers(0, 65536, (6, 9, 5)).astype(np.uint16)


def saved(path, values, **more):
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, values, **more)
    else:
        Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.png"])
def test_four_channels_stay_what_they_are(name, tmp_path):
    """The fourth one is no transparency: where it is 0, the others stay."""
    path = saved(tmp_path / name, FOUR)
    np.testing.assert_array_equal(band_files.image(path, Bands(4)), FOUR)
    assert band_files.size(path) == (6, 9)


def test_planar_tiff_has_its_channels_first(tmp_path):
    path = saved(tmp_path / "a.tif", np.moveaxis(DEEP, -1, 0), photometric="minisblack")
    assert band_files.size(path) == (6, 9)
    expected = np.rint(DEEP / 257.0).astype(np.uint8)
    np.testing.assert_array_equal(band_files.image(path, Bands(5)), expected)


def test_grey_of_16_bits(tmp_path):
    path = saved(tmp_path / "a.png", DEEP[..., 0])
    expected = np.rint(DEEP[..., :1] / 257.0).astype(np.uint8)
    np.testing.assert_array_equal(band_files.image(path, Bands(1)), expected)


def test_a_range_of_values_becomes_the_levels(tmp_path):
    path = saved(tmp_path / "a.npy", np.array([[-2.0, 0.0, 1.0, 3.0, 9.0]], np.float32))
    found = band_files.image(path, Bands(1, -1.0, 3.0))[0, :, 0]
    np.testing.assert_array_equal(found, [0, 64, 128, 255, 255])  # 63.75 and 127.5


def test_values_are_resized_before_they_are_rounded(tmp_path):
    """Of 0 and 1 in a range of 0 to 2 the mean is level 64, not a mean of levels."""
    path = saved(tmp_path / "a.npy", np.tile(np.array([0, 1], np.uint16), (4, 2)))
    found = band_files.square(path, 1, Bands(1, 0.0, 2.0))
    np.testing.assert_array_equal(found, [[[64]]])
    same = saved(tmp_path / "b.npy", DEEP[:, :6])
    np.testing.assert_array_equal(
        band_files.square(same, 6, Bands(5)),
        np.rint(DEEP[:, :6] / 257.0).astype(np.uint8),
    )


@pytest.mark.parametrize(
    "values, of, problem",
    [
        (FOUR, Bands(3), "4 channels; expected --channels=3"),
        (FOUR.astype(np.int64), Bands(4), "int64 values"),
        (FOUR.astype(np.float32), Bands(4), "--pixel_range=LOW,HIGH"),
        (np.full((2, 2, 1), np.nan), Bands(1, 0.0, 1.0), "not finite"),
        (np.zeros((0, 2, 1), np.uint8), Bands(1), "2 x 0 x 1 values: none"),
        (np.zeros((2, 2, 2, 2), np.uint8), Bands(2), "4 axes"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_name(values, of, problem, tmp_path):
    path = saved(tmp_path / "a.npy", values)
    with pytest.raises(UserError, match=problem) as caught:
        band_files.image(path, of)
    assert "a.npy" in str(caught.value)
    out = np.ones((1, 4, 4, of.number), np.uint8)
    found = image_files.decode([path], out, bands=of)
    assert problem in found[0] and not out.any()


def deep_png(path, values):
    """A PNG of 16 bits and three channels, which Pillow writes none of."""

    def chunk(kind, content):
        checked = kind + content
        length, check = len(content), zlib.crc32(checked)
        return struct.pack(">I", length) + checked + struct.pack(">I", check)

    height, width, _ = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))
    return path


def test_colours_of_16_bits_are_not_cut_to_8_before_a_range_is_taken(tmp_path):
    """2,000 of 4,095 would be 7, and the image all but black."""
    path = deep_png(tmp_path / "a.png", np.full((4, 4, 3), 2000, np.uint16))
    for read in (band_files.image, lambda *given: band_files.square(path, 4, given[1])):
        with pytest.raises(UserError, match="16 bits and 3 channels.* as TIFF or .npy"):
            read(path, Bands(3, 0.0, 4095.0))
    assert (band_files.image(path, Bands(3)) == 2000 >> 8).all()  # of the whole range
    grey = saved(tmp_path / "b.png", np.full((4, 4), 2000, np.uint16))
    assert (band_files.image(grey, Bands(1, 0.0, 4095.0)) == 125).all()
    shallow = saved(tmp_path / "c.png", FOUR)
    assert (band_files.image(shallow, Bands(4, 0.0, 255.0)) == FOUR).all()


def test_pickles_are_not_opened(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(UserError, match="a.npy"):
        band_files.image(path, Bands(1))
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UserError, match="a.npy"):
        band_files.image(path, Bands(1))


def test_a_file_that_says_it_is_huge_is_not_read(tmp_path):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        shape = {"descr": "|u1", "fortran_order": False, "shape": (10**5, 10**5, 4)}
        np.lib.format.write_array_header_1_0(file, shape)
        file.truncate(10**5 * 10**5 * 4 + 1000)  # sparse: it takes no room
    with pytest.raises(UserError, match="expected at most"):
        band_files.image(path, Bands(4))


def test_damaged_files_are_named(tmp_path):
    for name, content in (
        ("a.tif", b"II*\0\xff\xff\xff\x7f"),
        ("a.npy", b"\x93NUMPY"),
        ("a.png", b"\x89PNG"),
        ("b.npy", b""),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            band_files.image(tmp_path / name, Bands(4))
    with pytest.raises(UserError, match="not a file"):
        band_files.image(tmp_path / "c.npy", Bands(4))


def test_people_see_three_channels():
    np.testing.assert_array_equal(band_files.seen(FOUR), FOUR[..., :3])
    two = band_files.seen(FOUR[..., :2])
    np.testing.assert_array_equal(two, np.repeat(FOUR[..., :1], 3, axis=-1))
