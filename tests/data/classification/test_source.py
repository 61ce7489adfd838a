"""Images, sources and fingerprints."""

import dataclasses

import numpy as np
import pytest

from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.errors import UserError
from tests.data.classification import made_up


def test_take_keeps_the_order_asked_for():
    """Rows come as asked, with their labels."""
    images = made_up.images([0, 1, 2, 3])
    taken = images.take(np.array([3, 0]))
    assert len(taken) == 2
    assert taken.labels.tolist() == [3, 0]
    np.testing.assert_array_equal(taken.images, images.images[[3, 0]])


def test_images_are_read_only():
    """So that a fingerprint stays true; the caller's own arrays stay writable."""
    pixels = np.zeros((2, 4, 4, 1), np.uint8)
    images = Images(pixels, np.zeros(2, np.int32))
    with pytest.raises(ValueError, match="read-only"):
        images.images[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        images.labels[0] = 1
    pixels[0] = 1


@pytest.mark.parametrize(
    ("shape", "dtype", "labels"),
    [
        ((2, 4, 4), np.uint8, np.zeros(2, np.int32)),
        ((2, 4, 4, 1), np.float32, np.zeros(2, np.int32)),
        ((2, 4, 4, 1), np.uint8, np.zeros(2, np.int64)),
        ((2, 4, 4, 1), np.uint8, np.zeros(3, np.int32)),
        ((2, 4, 4, 1), np.uint8, np.zeros((2, 1, 1), np.int32)),
    ],
)
def test_other_arrays_are_refused(shape, dtype, labels):
    """Both rank and dtype of images and labels count."""
    with pytest.raises(ValueError, match="expected (uint8|int32)"):
        Images(np.zeros(shape, dtype), labels)


def test_shape_and_classes():
    """What networks are built from."""
    source = made_up.source()
    assert source.image_shape == (4, 4, 3)
    assert source.num_classes == 3


@pytest.mark.parametrize(
    ("part", "labels", "message"),
    [
        ("train", [0, 1, 3, 3], r"train image 2 has the label 3; expected -1 to 2 \(2"),
        ("train", [0, -2], "train image 1 has the label -2"),
        ("test", [0, -1], "test image 1 has the label -1; expected 0 to 2"),
        ("validation", [255], "validation image 0 has the label 255"),
    ],
)
def test_labels_that_are_no_class_are_refused(part, labels, message):
    """The message names part, row, label, range and number."""
    with pytest.raises(UserError, match=message):
        made_up.source(**{part: made_up.images(labels)})


def test_parts_of_another_shape_are_refused():
    """A network takes one shape only."""
    with pytest.raises(ValueError, match="test images"):
        made_up.source(test=made_up.images([0], shape=(5, 4, 3)))


def test_fingerprint_follows_the_training_data_only():
    """Two sources made alike agree; how images are used and judged doesn't matter."""
    source = made_up.source()
    print_ = source.fingerprint()
    assert len(print_) == 64
    assert made_up.source().fingerprint() == print_
    judged = dataclasses.replace(
        source,
        test=made_up.images([1]),
        validation=made_up.images([2]),
        flip=True,
        crop_padding=3,
        notes=("a note",),
    )
    assert judged.fingerprint() == print_


def _one_pixel_more(source):
    pixels = source.train.images.copy()
    pixels[7, 1, 2, 0] ^= 1
    return {"train": Images(pixels, source.train.labels)}


def _one_label_hidden(source):
    labels = source.train.labels.copy()
    labels[7] = -1
    return {"train": Images(source.train.images, labels)}


def _another_order(source):
    return {"train": source.train.take(np.arange(len(source.train))[::-1])}


def _another_shape(source):
    pixels = source.train.images.reshape(-1, 2, 8, 3)
    return {"train": Images(pixels, source.train.labels)}


@pytest.mark.parametrize(
    "change",
    [
        _one_pixel_more,
        _one_label_hidden,
        _another_order,
        _another_shape,
        lambda source: {"name": "another"},
        lambda source: {"class_names": ("class 0", "class 1", "class two")},
    ],
)
def test_fingerprint_notices_every_change(change):
    """A single pixel, label, name, or another order or shape."""
    source = made_up.source()
    changed = dataclasses.replace(source, **change(source))
    assert changed.fingerprint() != source.fingerprint()


def test_fingerprint_does_not_depend_on_memory_layout():
    """A view with strides is the same data."""
    source = made_up.source()
    turned = np.asfortranarray(source.train.images)
    other = made_up.source(train=Images(turned, source.train.labels))
    assert other.fingerprint() == source.fingerprint()
