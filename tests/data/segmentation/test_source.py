"""What a data set of images says of itself."""

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import datasets
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.source import paint, voc_colours
from mixdmt_tf.errors import UsageError, UserError
from tests.data.segmentation.files import in_memory
from tests.oracles import segmentation as oracle


def test_colours_of_voc():
    """Bit by bit, and the ones that everybody knows."""
    colours = voc_colours()
    assert colours.tolist() == [oracle.voc_colour(c) for c in range(256)]
    assert colours[1].tolist() == [128, 0, 0]  # aeroplane
    assert colours[15].tolist() == [192, 128, 128]  # person
    assert colours[255].tolist() == [224, 224, 192]  # the border


def test_painting_leaves_the_ignored_white():
    """Each pixel has the colour of its class."""
    labels = np.array([[0, 1], [2, 255]], np.uint8)
    painted = paint(labels, voc_colours(3))
    expected = [[[0, 0, 0], [128, 0, 0]], [[0, 128, 0], [255, 255, 255]]]
    assert painted.tolist() == expected


def test_the_fingerprint_covers_names_sizes_and_classes():
    """And which images have labels, and in which order they come."""
    first = in_memory(4)
    assert in_memory(4).fingerprint() == first.fingerprint()
    for other in (
        in_memory(5),
        in_memory(4, unknown=[1]),
        in_memory(4, names=["n000001", "n000000", "n000002", "n000003"]),
        in_memory(4, class_names=("a", "b", "d")),
        in_memory(4, name="other"),
    ):
        assert other.fingerprint() != first.fingerprint()


def test_sizes_are_in_the_fingerprint(monkeypatch):
    """The same names of images of another size are other data."""
    before, other = in_memory(2).fingerprint(), in_memory(2)
    monkeypatch.setattr(type(other.train[0]), "size", lambda self: (7, 5))
    assert other.fingerprint() != before


def test_an_image_that_cannot_be_opened_is_named(monkeypatch):
    """In training, and by commands that have no flag to leave it out."""

    def fail(sample):
        raise UserError(f"{sample.name}: damaged")

    source = in_memory(2)
    monkeypatch.setattr(type(source.train[0]), "size", fail)
    with pytest.raises(UserError, match="n000000: damaged\n.*or train with --on_bad"):
        source.fingerprint()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"class_names": ("a",)}, "1 classes"),
        ({"class_names": tuple(map(str, range(256)))}, "256 classes"),
        ({"colours": np.zeros((2, 3), np.uint8)}, "colours"),
        ({"names": ["a", "a"]}, "twice in train"),
    ],
)
def test_what_cannot_be_is_refused(fields, message):
    """Mistakes of whoever writes a source."""
    with pytest.raises(ValueError, match=message):
        in_memory(2, **fields)


def test_the_name_of_a_file_is_the_name_of_a_data_set():
    """And a near miss is told the right one."""
    found = datasets.load(Config(dataset="digit_scenes"))
    assert found.name == "digit_scenes"
    with pytest.raises(UsageError, match="did you mean cityscapes"):
        datasets.load(Config(dataset="cityscape"))
