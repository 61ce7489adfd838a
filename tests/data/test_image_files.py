"""Finding and decoding image files."""

import os
import pathlib
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data import image_files
from mixdmt_tf.errors import UserError

COLOR = (200, 100, 40)


def _only(path, size=8):
    """The one image of a file."""
    return image_files.read([path], size)[0]


def _save(picture, path, **options):
    picture.save(path, **options)
    return path


def _is_plain(picture, color, tolerance=0):
    distance = np.abs(picture.astype(int) - np.array(color)).max()
    assert distance <= tolerance, picture[0, 0]


def _chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def _png(width, height, rows, bits=8, color_type=2, extra=b""):
    """A PNG by hand: of 16-bit colours, or of more pixels than its bytes hold."""
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + extra
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_pixels_are_kept_exactly(tmp_path, suffix):
    """A lossless image that has the size already is not touched."""
    pixels = np.random.RandomState(0).randint(0, 256, (8, 8, 3)).astype(np.uint8)
    path = _save(Image.fromarray(pixels), tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(_only(path), pixels)


@pytest.mark.parametrize(
    ("mode", "color", "suffix", "expected"),
    [
        ("RGB", COLOR, "jpg", COLOR),
        ("L", 77, "png", (77,) * 3),
        ("L", 77, "jpg", (77,) * 3),
        ("L", 77, "bmp", (77,) * 3),
        ("1", 1, "png", (255,) * 3),
        ("CMYK", (55, 155, 215, 0), "jpg", COLOR),
        ("RGBA", (*COLOR, 255), "png", COLOR),
        ("RGBA", (0, 0, 0, 0), "png", (255,) * 3),
        ("RGBA", (0, 0, 0, 128), "png", (127,) * 3),
        ("LA", (0, 0), "png", (255,) * 3),
        ("I;16", 77 * 256 + 200, "png", (77,) * 3),
    ],
)
def test_every_kind_becomes_rgb(tmp_path, mode, color, suffix, expected):
    """Grey, black and white, CMYK, 16-bit grey; transparency lies on white."""
    path = _save(Image.new(mode, (12, 9), color), tmp_path / f"a.{suffix}")
    _is_plain(_only(path), expected, tolerance=3 if suffix == "jpg" else 0)


def test_sixteen_bit_colours_keep_their_upper_bits(tmp_path):
    """They are scaled, not clipped."""
    row = b"\x00" + struct.pack(">HHH", 200 * 256 + 9, 100 * 256, 40 * 256 + 255) * 4
    path = tmp_path / "a.png"
    path.write_bytes(_png(4, 4, row * 4, bits=16))
    _is_plain(_only(path), COLOR)


def test_palettes_with_and_without_a_transparent_colour(tmp_path):
    """A palette's see-through entry lies on white as well."""
    picture = Image.new("P", (6, 6), 1)
    picture.putpalette([0, 0, 0, *COLOR])
    _is_plain(_only(_save(picture, tmp_path / "a.png")), COLOR)
    see_through = _save(picture, tmp_path / "b.png", transparency=1)
    _is_plain(_only(see_through), (255,) * 3)


def test_the_whole_picture_is_resized_with_antialiasing(tmp_path):
    """A fine checkerboard becomes grey, and both halves of a wide image stay."""
    checkers = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    path = _save(Image.fromarray(checkers), tmp_path / "checkers.png")
    _is_plain(_only(path), (127,) * 3, tolerance=2)
    halves = np.zeros((8, 40, 3), np.uint8)
    halves[:, 20:] = COLOR
    small = _only(_save(Image.fromarray(halves), tmp_path / "halves.png"))
    _is_plain(small[:, :3], (0,) * 3)
    _is_plain(small[:, 5:], COLOR)


def test_a_cameras_note_on_which_side_is_up_is_obeyed(tmp_path):
    """EXIF orientation 6: turn by 90 degrees clockwise."""
    pixels = np.zeros((64, 64), np.uint8)
    pixels[:32] = 255  # becomes the right half
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    small = _only(path).astype(int)
    assert small[:, :3].max() < 10 and small[:, 5:].min() > 245


# What a camera's note means for the pixels as they are stored: EXIF 2.3, table 6.
UPRIGHT = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: lambda pixels: np.rot90(pixels),
}


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_all_eight_orientations(orientation, suffix, tmp_path):
    """Four quarters of different colours, and width and height."""
    corners = np.array([[(250, 0, 0), (0, 250, 0)], [(0, 0, 250), (250, 250, 250)]])
    pixels = corners.repeat(32, 0).repeat(48, 1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path, exif=exif, quality=95)

    upright = UPRIGHT[orientation](pixels)
    expected = UPRIGHT[orientation](corners)
    got = _only(path, 8)[[1, 1, 6, 6], [1, 6, 1, 6]].reshape(2, 2, 3)
    assert np.abs(got.astype(int) - expected).max() < 20
    assert image_files.size_of(path) == upright.shape[1::-1]


def test_large_jpegs_look_the_same_as_when_decoded_in_full(tmp_path):
    """Decoding a smaller version is a matter of speed."""
    y, x = np.mgrid[:800, :1000]
    wave = (127 + 120 * np.sin(x / 90) * np.cos(y / 70)).astype(np.uint8)
    path = _save(Image.fromarray(wave), tmp_path / "a.jpg")
    in_full = Image.open(path).convert("RGB").resize((16, 16), Image.BILINEAR)
    distance = np.abs(_only(path, 16).astype(int) - np.asarray(in_full).astype(int))
    assert distance.max() <= 4


def test_no_detail_is_lost_on_the_way_to_a_size(tmp_path):
    """The smaller version of a JPEG is still larger than what is wanted."""
    noise = np.random.RandomState(0).randint(0, 256, (24, 24)).astype(np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(np.kron(noise, np.ones((8, 8), np.uint8))).save(path, quality=95)
    in_full = Image.open(path).convert("RGB").resize((48, 48), Image.BILINEAR)
    distance = np.abs(_only(path, 48).astype(int) - np.asarray(in_full).astype(int))
    assert distance.max() <= 4


def test_rows_follow_the_paths(tmp_path):
    """In spite of the threads."""
    paths = [
        _save(Image.new("L", (5, 5), value), tmp_path / f"{value}.png")
        for value in range(200)
    ]
    values = image_files.read(paths[::-1], 4)[:, 0, 0, 0]
    assert values.tolist() == list(range(200))[::-1]


def _bad_files(folder):
    good = folder / "good.png"
    Image.fromarray(
        np.random.RandomState(0).randint(0, 256, (40, 40, 3)).astype(np.uint8)
    ).save(good)
    whole = good.read_bytes()
    contents = {
        "empty.png": b"",
        "text.png": b"this is no image\n",
        "cut.png": whole[: len(whole) // 2],
        "flipped.png": whole[:300] + bytes([whole[300] ^ 1]) + whole[301:],
        "gif.jpg": b"GIF89a" + bytes(40),
        "huge.png": _png(20000, 20000, bytes(1000)),
        "large.png": _png(10000, 8000, bytes(1000)),
    }
    Image.open(good).save(folder / "whole.jpg")
    contents["cut.jpg"] = (folder / "whole.jpg").read_bytes()[:600]
    Image.open(good).save(folder / "whole.bmp")
    contents["cut.bmp"] = (folder / "whole.bmp").read_bytes()[:600]
    for name, content in contents.items():
        folder.joinpath(name).write_bytes(content)
    folder.joinpath("dangling.png").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.png")
    return [*contents, "dangling.png", "pipe.png"]


def test_all_bad_files_are_named_with_their_fault(tmp_path):
    """In one error, without the good ones; a pipe doesn't block."""
    bad = _bad_files(tmp_path)
    with pytest.raises(UserError) as caught:
        image_files.read(image_files.find(tmp_path)[0], 8)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith(f"{len(bad)} of {len(bad) + 3} image files")
    named = {pathlib.Path(line.strip().split(": ")[0]).name for line in lines}
    assert named == set(bad)
    faults = str(caught.value)
    assert "empty.png: empty" in faults
    assert "large.png: 10000 x 8000 pixels; expected at most 50,000,000" in faults
    assert "pipe.png: not a file" in faults


def test_at_most_twenty_files_are_listed(tmp_path):
    """The others are counted."""
    for number in range(25):
        tmp_path.joinpath(f"{number:02}.png").write_bytes(b"bad")
    with pytest.raises(UserError, match="^25 of 25") as caught:
        image_files.read(image_files.find(tmp_path)[0], 8)
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1].strip() == "and 5 more"


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path):
    """Without decoding: a megabyte that would become 1.2 GB."""
    path = tmp_path / "bomb.png"
    squeeze = zlib.compressobj(1)
    data = b"".join(squeeze.compress(bytes(60001)) for _ in range(8000))
    data += squeeze.flush()
    header = struct.pack(">IIBBBBB", 20000, 8000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", data)
        + _chunk(b"IEND", b"")
    )
    start = time.process_time()
    with pytest.raises(UserError, match="20000 x 8000 pixels"):
        _only(path)
    assert time.process_time() - start < 0.5


def test_no_warnings(tmp_path, recwarn):
    """Pillow's warning about many pixels is our error."""
    tmp_path.joinpath("a.png").write_bytes(_png(10000, 10000, bytes(100)))
    with pytest.raises(UserError):
        _only(tmp_path / "a.png")
    assert not recwarn.list


def _touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_find_sorts_and_counts_what_it_leaves_out(tmp_path):
    """Suffixes in any case; hidden files and folders and other files are ignored."""
    _touch(tmp_path, "b.PNG", "a/c.jpeg", "a/d.Jpg", "e.bmp")
    _touch(tmp_path, ".hidden.png", ".git/x.png", "notes.txt", "film.gif", "png")
    found, ignored = image_files.find(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["a/c.jpeg", "a/d.Jpg", "b.PNG", "e.bmp"]
    assert ignored == 5


def test_find_follows_links_once(tmp_path):
    """A link to a folder elsewhere counts, a link that leads back ends."""
    _touch(tmp_path, "here/a.png", "there/b.png")
    tmp_path.joinpath("here/back").symlink_to(tmp_path / "here")
    tmp_path.joinpath("here/other").symlink_to(tmp_path / "there")
    found, _ = image_files.find(tmp_path / "here")
    assert [path.name for path in found] == ["a.png", "b.png"]


def test_find_in_a_folder_that_is_not_there(tmp_path):
    """Folders that can't be listed are not silently empty."""
    with pytest.raises(UserError, match="can't be listed"):
        image_files.find(tmp_path / "nowhere")


def test_names_in_messages_are_printable():
    """A file's name can't write on somebody's terminal."""
    assert image_files.printable("a b/é.png") == "a b/é.png"
    assert image_files.printable("a\x1b[2J\n.png") == r"'a\x1b[2J\n.png'"
    assert image_files.printable("a\udcff") == r"'a\udcff'"
