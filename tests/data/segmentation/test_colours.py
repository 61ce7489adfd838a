"""`colours.txt`: what is read of it, and what is refused."""

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import class_files, colours
from mixdmt_tf.errors import UsageError, UserError

TEXT = """# two for cars
background     0 0 0
traffic light  #FAaa1e
car  0, 0, 142

car  0,0,70
ignored 255 255 255
"""


def read(tmp_path, text):
    (tmp_path / "colours.txt").write_text(text)
    return colours.read_colours(tmp_path / "colours.txt")


def test_names_and_colours(tmp_path):
    palette = read(tmp_path, TEXT)
    assert palette.class_names == ("background", "traffic light", "car")
    assert palette.colours.tolist() == [[0, 0, 0], [250, 170, 30], [0, 0, 142]]
    assert palette.colours.dtype == np.uint8
    pixels = [[0, 0, 70], [250, 170, 30], [255, 255, 255], [0, 0, 71], [0, 0, 0]]
    codes = colours.encode(np.array([pixels], np.uint8))
    classes, unknown = palette.classes_of(codes)
    assert classes.tolist() == [[2, 1, 255, 255, 0]]
    assert unknown.tolist() == [[False, False, False, True, False]]


def test_codes_go_both_ways_and_nothing_transparent_is_known(tmp_path):
    pixels = np.random.RandomState(0).randint(0, 256, (50, 3)).astype(np.uint8)
    codes = colours.encode(pixels)
    assert codes.tolist() == [r * 65536 + g * 256 + b for r, g, b in pixels.tolist()]
    np.testing.assert_array_equal(colours.decode(codes), pixels)
    opacity = np.array([[255], [254], [0]], np.uint8)
    codes = colours.encode(np.hstack([np.zeros((3, 3), np.uint8), opacity]))
    assert codes.tolist() == [0, -1, -1]
    classes, unknown = read(tmp_path, TEXT).classes_of(codes)
    assert classes.tolist() == [0, 255, 255]
    assert unknown.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 0 0 0\nb 0 0 256", "the line 'b 0 0 256' has no name and colour\nexpected"),
        ("a 0 0 0\nb 0 0", "'b 0 0' has no name"),
        ("a 0 0 0\n1 2 3", "'1 2 3' has no name"),
        ("a 0 0 0\nb #12345", "'b #12345' has no name"),
        ("a 0 0 0\nb ²55 1 1", "has no name"),
        ("a 0 0 0\nb\x07 0 0 \x07", r"'b\\x07 0 0 \\x07' has no name"),
        ("a 0 0 0\nb #000000", "the colour #000000 stands on two lines"),
        ("a 0 0 0\na 1 1 1", "1 classes; expected 2 to 255"),
        ("a 0 0 0\nignored 1 1 1", "1 classes"),
        ("", "0 classes"),
        ("".join(f"c{i} {i} 1 1\n" for i in range(256)), "256 classes"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    with pytest.raises(UserError, match=f"colours.txt: .*{message}") as caught:
        read(tmp_path, text)
    assert len(str(caught.value).splitlines()) <= 3


def test_classes_are_those_of_both_files(tmp_path):
    assert class_files.read_classes(tmp_path, "error") == (None, None)
    (tmp_path / "classes.txt").write_text("a\nb\n")
    assert class_files.read_classes(tmp_path, "error") == (("a", "b"), None)
    with pytest.raises(UsageError, match="unknown_colour=ignore: .* no colours.txt"):
        class_files.read_classes(tmp_path, "ignore")
    (tmp_path / "colours.txt").write_text("a 0 0 0\nb 1 1 1\n")
    names, palette = class_files.read_classes(tmp_path, "error")
    assert (names, palette.strict) == (("a", "b"), True)
    assert not class_files.read_classes(tmp_path, "ignore")[1].strict
    (tmp_path / "classes.txt").write_text("b\na\n")
    with pytest.raises(UserError, match="name different classes, or in another order"):
        class_files.read_classes(tmp_path, "error")
