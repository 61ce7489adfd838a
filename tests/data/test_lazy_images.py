"""Images that are read when they are asked for, against arrays that hold them."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data import lazy_images
from mixdmt_tf.data.lazy_images import Fitted, Held, Joined, Taken

PIXELS = np.random.RandomState(0).randint(0, 256, (9, 4, 5, 3)).astype(np.uint8)
MORE = PIXELS[::-1] // 2
ORDER = np.array([8, 1, 1, 0, 5, 2, 7, 7, 3])


class Recorded(Held):
    """Remembers how many images each call asked for."""

    def __init__(self, images):
        super().__init__(images)
        self.asked = []

    def read(self, ids):
        self.asked.append(len(ids))
        return super().read(ids)


KINDS = {
    "held": (Held(PIXELS), PIXELS),
    "taken": (Taken(Held(PIXELS), ORDER), PIXELS[ORDER]),
    "joined": (
        Joined([Held(PIXELS), MORE[:0], MORE, Taken(Held(PIXELS), ORDER)]),
        np.concatenate([PIXELS, MORE, PIXELS[ORDER]]),
    ),
    "fitted": (
        Fitted(Held(PIXELS), (8, 8, 1)),
        lazy_images.fitted(PIXELS, (8, 8, 1)),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "ids",
    [3, -1, slice(None), slice(1, 4), slice(0, 0), [4, 0, 4], np.arange(9)[::-2]],
)
def test_indexing_is_numpys(kind, ids):
    images, expected = KINDS[kind]
    assert images.shape == expected.shape and len(images) == len(expected)
    got = images[ids]
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, expected[ids])


@pytest.mark.parametrize("kind", KINDS)
def test_masks_and_the_whole(kind):
    images, expected = KINDS[kind]
    mask = np.arange(len(expected)) % 2 == 0
    np.testing.assert_array_equal(images[mask], expected[mask])
    np.testing.assert_array_equal(np.asarray(images), expected)
    with pytest.raises(IndexError):
        images[len(expected)]


@pytest.mark.parametrize("kind", [*KINDS, "array"])
def test_gathering_inside_tf_data(kind):
    """With a static shape, which augmentations need."""
    images, expected = KINDS.get(kind, (PIXELS, PIXELS))
    gather = lazy_images.gatherer(images)
    ids = tf.data.Dataset.from_tensor_slices(ORDER[:5]).batch(2, drop_remainder=True)
    batches = ids.map(gather)
    assert batches.element_spec.shape == (2, *expected.shape[1:])
    got = np.concatenate(list(batches.as_numpy_iterator()))
    np.testing.assert_array_equal(got, expected[ORDER[:4]])


def test_no_more_is_read_than_was_asked_for():
    base = Recorded(PIXELS)
    joined = Joined([Taken(base, ORDER), MORE])
    assert base.asked == []
    assert joined[[0, 9, 10, 2]].shape == (4, 4, 5, 3)
    assert base.asked == [2]


def test_chunks_bound_what_is_read(monkeypatch):
    monkeypatch.setattr(lazy_images, "CHUNK", 4)
    base = Recorded(PIXELS)
    got = list(lazy_images.chunks(base))
    assert base.asked == [4, 4, 1]
    np.testing.assert_array_equal(np.concatenate(got), PIXELS)


def test_taking_and_joining_stay_lazy_for_lazy_images_only(monkeypatch):
    base = Recorded(PIXELS)
    assert isinstance(lazy_images.take(PIXELS, ORDER), np.ndarray)
    taken = lazy_images.take(base, ORDER)
    joined = lazy_images.join([base, MORE])
    assert base.asked == []
    np.testing.assert_array_equal(np.asarray(taken), PIXELS[ORDER])
    np.testing.assert_array_equal(np.asarray(joined), np.concatenate([PIXELS, MORE]))
    assert isinstance(lazy_images.join([PIXELS, MORE]), np.ndarray)
    monkeypatch.setattr(lazy_images, "IN_MEMORY", 2 * PIXELS.nbytes - 1)
    assert isinstance(lazy_images.join([PIXELS, MORE]), Joined)
