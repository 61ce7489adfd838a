"""Augmented copies: which images there are, whoever keeps them."""

import dataclasses
import hashlib

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.classification import copies as copies_module
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.copies import (
    AUGMENTATIONS,
    VERSION,
    fill_in,
    of_split,
)
from mixdmt_tf.data.classification.recipe import BORDERS, Recipe
from mixdmt_tf.data.classification.splits import make_split
from mixdmt_tf.settings import settings_of
from tests.data.classification import made_up, streams
from tests.data.classification.graphs import assert_same_in_tf_data
from tests.oracles import crop_flip as oracle

SOURCE = made_up.source(crop_padding=1, flip=True)
SPLIT = make_split(SOURCE, labels=6, validation=5, seed=0)
STRONG = sorted(set(AUGMENTATIONS) - {"cutout"})
UNLABELED = SOURCE.train.images[SPLIT.unlabeled]


def copies(**fields):
    return streams.copies_of(SOURCE, SPLIT, **fields)


def made(some, items=None):
    """The images of these items, or all."""
    items = np.arange(len(some)) if items is None else np.asarray(items)
    make = tf.function(some.maker(), autograph=False)
    return make(tf.constant(items, tf.int64)).numpy()


def by_copy(some):
    """All images, [count, N, H, W, C]: copy k of image i is item k N + i."""
    return made(some).reshape((some.count, len(some.ids)) + some.item_shape)


@pytest.mark.parametrize(
    ("count", "augment"), [(0, "cutout"), (0, "simple"), (3, "none")]
)
def test_plain_copies_are_the_unlabelled_images(count, augment):
    some = copies(count=count, augment=augment)

    assert some.plain and len(some) == len(SPLIT.unlabeled) * max(count, 1)
    times = max(count, 1)
    np.testing.assert_array_equal(made(some), np.concatenate([UNLABELED] * times))


def test_size():
    """In images and bytes."""
    some = copies(count=7)

    assert len(some) == 7 * len(SPLIT.unlabeled)
    assert some.item_shape == (4, 4, 3)
    assert some.nbytes == made(some).nbytes
    assert not some.plain


@pytest.mark.parametrize("fill", [None, 128])
def test_simple_copies_are_shifted_and_flipped(fill):
    """Every image is one of the 18 variants of its own image; all 18 occur."""
    occurring = set()
    for pictures in by_copy(copies(count=3, augment="simple", fill=fill)):
        for picture, image in zip(pictures, UNLABELED):
            variants = oracle.variants(image, 1, True, fill)
            found = [np.array_equal(picture, each) for each in variants]
            assert sum(found) == 1
            occurring.add(found.index(True))
    assert len(occurring) == 18


def test_cutout_copies_have_one_grey_hole_in_three_of_ten():
    """And the image's own pixels everywhere else."""
    source = made_up.source(train=made_up.images([0, 1, 2] * 10, shape=(16, 16, 3)))
    some = streams.copies_of(source, SPLIT, count=30, ids=np.arange(30))
    erased = 0
    for pictures in by_copy(some):
        for picture, image in zip(pictures, source.train.images):
            hole = (picture != image).any(-1)
            if hole.any():
                erased += 1
                box = np.ix_(hole.any(1), hole.any(0))
                assert len(np.unique(picture[box])) == 1
    assert 0.25 < erased / 900 < 0.35


@pytest.mark.parametrize("augment", ["cutout", "simple", *STRONG])
def test_copies_of_an_image_differ(augment):
    """That is what more of them are for."""
    source = made_up.source(
        train=made_up.images([0, 1, 2], shape=(16, 16, 3)), crop_padding=4, flip=True
    )
    some = streams.copies_of(source, SPLIT, 60, augment, ids=np.arange(3))

    for pictures in by_copy(some).swapaxes(0, 1):
        distinct = len(np.unique(pictures.reshape(60, -1), axis=0))
        # Two of three cutout copies are whole; some of 162 shifts and flips recur, and
        # more of 16 operations that are applied alone, with one of ten strengths.
        few = {"cutout": 10, "randaugment_dmt": 20, "randaugment_dmt_released": 20}
        assert distinct > few.get(augment, 40)


def test_images_are_augmented_independently():
    """The same image under two ids has other copies."""
    one = made_up.images([0], shape=(8, 8, 3)).images
    source = made_up.source(train=made_up.images([0, 1] * 20, shape=(8, 8, 3)))
    changes = {"images": one.repeat(40, 0), "ids": np.arange(40), "padding": 2}
    some = streams.copies_of(source, SPLIT, 2, "simple", **changes)

    for pictures in by_copy(some):
        assert len(np.unique(pictures.reshape(40, -1), axis=0)) > 10


@pytest.mark.parametrize("augment", ["cutout", "simple", *STRONG])
def test_a_copy_depends_on_seed_image_and_number_only(augment):
    """Not on how many copies there are, nor on which other images are unlabelled."""
    pictures = by_copy(copies(count=3, augment=augment))

    some = np.array([5, 2, 30, 11])
    others = by_copy(copies(count=9, augment=augment, ids=SPLIT.unlabeled[some]))
    np.testing.assert_array_equal(others[:3], pictures[:, some])
    other = by_copy(copies(count=3, augment=augment, seed=1))
    assert np.any(other != pictures)


def test_order_and_company_do_not_matter():
    """Items can be asked for one by one and twice."""
    some = copies(count=3, augment="simple")
    everything = made(some)
    items = np.array([7, 200, 7, 0, len(some) - 1])

    make = some.maker()
    np.testing.assert_array_equal(make(tf.constant(items)), everything[items])
    for item in items:
        alone = make(tf.constant(item, shape=[1]))
        np.testing.assert_array_equal(alone[0], everything[item])


@pytest.mark.parametrize("augment", ["cutout", "simple", "none", *STRONG])
def test_same_inside_tf_data(augment):
    some = copies(count=3, augment=augment)

    assert_same_in_tf_data(some.maker(), np.arange(0, len(some), 5))


def test_these_pictures_never_change():
    """Or VERSION has to: copies that were made before would be used as if new."""
    digests = [
        hashlib.sha256(made(copies(count=4, augment=augment, ids=np.arange(30))).data)
        for augment in ("cutout", "simple")
    ]

    assert VERSION == 1
    assert digests[0].hexdigest()[:16] == "5cc4f59de4837d98"
    assert digests[1].hexdigest()[:16] == "1ea65d7e3d299800"


def test_copies_of_the_releases_randaugment_are_made_anew(monkeypatch):
    """Those of before were covered as published, and not as released."""
    keys = []
    for _ in range(2):
        some = ("randaugment_dmt_released", "randaugment_dmt")
        keys.append([copies(augment=each).key() for each in some])
        monkeypatch.setattr(copies_module, "VERSIONS", {})
    assert [new == old for new, old in zip(*keys)] == [False, True]


CHANGES = {
    "fingerprint": "another",
    "ids": SPLIT.unlabeled[:-1],
    "count": 4,
    "augment": "simple",
    "seed": 1,
    "padding": 2,
    "flip": False,
    "fill": 128,
    "images": np.zeros((90, 5, 4, 3), np.uint8),
}


@pytest.mark.parametrize("field", CHANGES)
def test_key_changes_with_everything_that_determines_the_pictures(field):
    assert copies(**{field: CHANGES[field]}).key() != copies().key()


def test_every_field_is_in_the_key():
    """A new one has to be added to the changes above."""
    assert set(CHANGES) == {field.name for field in dataclasses.fields(copies())}


def test_key_depends_on_the_order_of_the_images():
    """It decides which item is which image."""
    assert copies(ids=SPLIT.unlabeled[::-1]).key() != copies().key()


def test_key_changes_with_nothing_else():
    """Not with where or how the same facts are held."""
    same = copies(
        images=SOURCE.train.images.copy(), ids=SPLIT.unlabeled.astype(np.int32)
    )

    assert same.key() == copies().key()
    assert len(copies().key()) == 64


def test_every_way_to_differ_can_be_asked_for():
    (augment,) = (each for each in settings_of(Config) if each.name == "copies_augment")
    assert set(augment.choices) == {"auto", "simple", "none", *AUGMENTATIONS}
    (border,) = (each for each in settings_of(Config) if each.name == "border")
    assert set(border.choices) == {"auto", *BORDERS}


@pytest.mark.parametrize(
    ("border", "fill"), [("auto", None), ("reflect", None), ("grey", 128)]
)
def test_the_border_of_copies(border, fill):
    config = Config(copies=1, copies_augment="simple", border=border)
    assert of_split(SOURCE, SPLIT, config, seed=0).fill == fill


@pytest.mark.parametrize(
    ("settings", "published", "expected"),
    [
        ({}, (50, "cutout"), (50, "cutout")),
        ({}, (0, "none"), (0, "none")),
        ({"copies": 7}, (100, "randaugment"), (7, "randaugment")),
        ({"copies": 7}, (0, "none"), (7, "cutout")),
        ({"copies": 0}, (0, "none"), (0, "none")),
        ({"copies_augment": "simple"}, (50, "cutout"), (50, "simple")),
        ({"copies": 3, "copies_augment": "none"}, (50, "cutout"), (3, "none")),
    ],
)
def test_what_is_left_to_the_method(settings, published, expected):
    number, augment = published
    recipe = Recipe(1, copies=number, copies_augment=augment)
    filled = fill_in(Config(**settings), recipe)
    assert (filled.copies, filled.copies_augment) == expected
    assert fill_in(filled, Recipe(1, copies=9, copies_augment="simple")) == filled


def test_copies_must_be_settled():
    with pytest.raises(ValueError, match="fill_in"):
        of_split(SOURCE, SPLIT, Config(), seed=0)
