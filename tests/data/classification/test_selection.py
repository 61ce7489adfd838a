from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data.classification import datasets, selection
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import OUTSIDE, UNKNOWN, Images
from mixdmt_tf.data.classification.splits import describe, make_split
from mixdmt_tf.errors import UsageError, UserError
from tests.data.classification import made_up

NAMES = ("cat", "dog", "fox", "owl", "elk")
COUNTS = (30, 30, 30, 30, 30)


def source(unknown=0, **fields):
    made = {"class_names": NAMES, "test": made_up.images([0, 1, 2, 3, 4, 4, 2], seed=1)}
    return made_up.source(COUNTS, unknown, **{**made, **fields})


def chosen(unknown=0, **settings):
    return selection.select(source(unknown), Config(**settings))


def test_labels_are_numbered_anew_in_the_order_given():
    got = chosen(labeled_classes="owl,1", unlabeled_classes="1,fox")
    before, after = source().train, got.train
    assert got.class_names == ("owl", "dog")
    np.testing.assert_array_equal(after.images, before.images)
    for old, new in ((3, 0), (1, 1), (0, -3), (2, -5), (4, -7)):
        np.testing.assert_array_equal(after.labels[before.labels == old], new)
    assert [got.outside_names[OUTSIDE - each] for each in (-3, -5, -7)] == [
        "(cat)",
        "(fox)",
        "(elk)",
    ]


def test_the_pool_is_the_unlabelled_classes():
    got = chosen(4, labeled_classes="0,1", unlabeled_classes="1,2")
    expected = np.isin(source(4).train.labels, [1, 2, UNKNOWN])
    np.testing.assert_array_equal(got.pool, expected)


def test_test_images_of_other_classes_are_left_out():
    whole = source()
    got = chosen(labeled_classes="4,2", unlabeled_classes="0")
    rows = np.flatnonzero(np.isin(whole.test.labels, [4, 2]))
    np.testing.assert_array_equal(got.test.images, whole.test.images[rows])
    np.testing.assert_array_equal(got.test.labels, [1, 0, 0, 1])


def test_nothing_asked_for_changes_nothing():
    whole = source()
    assert selection.select(whole, Config()) is whole


def test_unlabelled_classes_default_to_the_labelled_ones():
    got = chosen(labeled_classes="0,1")
    np.testing.assert_array_equal(got.pool, np.isin(source().train.labels, [0, 1]))


def test_all_labels_by_default_are_all_of_the_chosen_classes():
    """As of a folder labeled/; of other data sets the number stays."""
    asked = Config(labeled_classes="0,1")
    got = selection.select(source(4, default_labels=150), asked)
    assert len(make_split(got, None, None, seed=0).labeled) == 60
    assert selection.select(source(default_labels=20), asked).default_labels == 20


@pytest.mark.parametrize("level", [0, 25, 50, 75, 100])
def test_the_levels_of_the_paper(level):
    """Animals 2 to 7 are told apart; the level is the share of other classes."""
    names = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
    whole = made_up.source((50,) * 10, class_names=names)
    got = selection.select(whole, Config(dataset="cifar10", mismatch=level))
    assert got.class_names == names[2:8]
    assert got.default_labels == 2400
    split = make_split(got, labels=24, validation=6, seed=1)
    truth = whole.train.labels[split.unlabeled]
    counts = np.bincount(truth, minlength=10)
    # Of 50 images of each class 4 are labelled and 1 is held out; of classes outside
    # as many stay away, so that every class has as many unlabelled images.
    assert sorted(counts[counts > 0]) == [45] * 4
    outside = np.isin(truth, [0, 1, 8, 9]).mean()
    assert outside == level / 100
    expected = {0: 4567, 25: 567, 50: 67, 75: 7, 100: ()}[level]
    inside = {c for c in range(2, 8) if counts[c]}
    assert inside == {int(c) for c in str(expected) if expected}


def test_the_level_does_not_change_which_images_are_labelled():
    whole = made_up.source((50,) * 10)
    splits = [
        make_split(
            selection.select(whole, Config(dataset="cifar10", mismatch=level)),
            labels=24,
            validation=6,
            seed=1,
        )
        for level in (0, 100)
    ]
    np.testing.assert_array_equal(splits[0].labeled, splits[1].labeled)
    np.testing.assert_array_equal(splits[0].validation, splits[1].validation)
    assert splits[0].fingerprint != splits[1].fingerprint
    assert not set(splits[0].unlabeled) & set(splits[1].unlabeled)


def test_the_table_of_a_split_names_what_is_outside():
    got = chosen(labeled_classes="0,1", unlabeled_classes="1,2")
    lines = describe(make_split(got, 4, 2, seed=0), got).splitlines()
    assert [line.split()[0] for line in lines] == [
        "class",
        "cat",
        "dog",
        "(fox)",
        "total",
    ]
    assert lines[3].split() == ["(fox)", "0", "27", "0", "0"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labeled_classes": "0,9"}, "no class '9'; expected numbers from 0 to 4"),
        ({"labeled_classes": "cat,dgo"}, "did you mean dog?"),
        ({"unlabeled_classes": "cat,cat"}, "class cat occurs twice"),
        ({"labeled_classes": "cat"}, "at least two classes"),
    ],
)
def test_wrong_classes_are_refused(settings, message):
    with pytest.raises(UsageError, match=None) as caught:
        chosen(**settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("settings", [{"dataset": "svhn"}, {"labeled_classes": "1,2"}])
def test_levels_are_for_the_classes_of_cifar10(settings):
    with pytest.raises(UsageError, match="--mismatch=50"):
        Config(**{"dataset": "cifar10", "mismatch": 50, **settings})


def test_another_data_set_takes_the_place_of_the_unlabelled_images():
    strange = made_up.source((5, 6), train=made_up.images([0] * 11, 2, (8, 6, 1)))
    both = selection.add_dataset(source(), strange)
    got = selection.select(both, Config())
    assert len(got.train) == 150 + 11
    assert got.class_names == NAMES
    split = make_split(got, labels=5, validation=0, seed=0)
    np.testing.assert_array_equal(split.unlabeled, np.arange(150, 161))
    np.testing.assert_array_equal(got.train.labels[split.unlabeled], OUTSIDE)
    grey = np.asarray(Image.fromarray(strange.train.images[3, ..., 0]).convert("RGB"))
    resized = Image.fromarray(grey).resize((4, 4), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(got.train.images[153], np.asarray(resized))


def test_where_the_data_of_another_data_set_are():
    """Never in a folder of images, into which they would be fetched."""
    for own, given, expected in (
        ("cifar10", {}, "here"),
        ("folder", {}, ""),
        ("folder", {"unlabeled_dir": "there"}, "there"),
    ):
        config = Config(own, data_dir="here", unlabeled_dataset="svhn", **given)
        assert selection.other(config).data_dir == expected


@pytest.mark.parametrize(
    ("dataset", "other"),
    [("digits", "digits"), ("svhn", "svhn_extra"), ("svhn_extra", "svhn")],
)
def test_another_data_set_has_none_of_the_images(dataset, other):
    with pytest.raises(UsageError, match=f"{other} has images of --dataset={dataset}"):
        Config(dataset, unlabeled_dataset=other)


def test_a_second_folder_is_another_data_set():
    with pytest.raises(UsageError, match="has images of --dataset=folder"):
        Config("folder", data_dir="a", unlabeled_dataset="folder")
    config = Config("folder", "a", unlabeled_dataset="folder", unlabeled_dir="b")
    assert selection.other(config).data_dir == "b"


def test_own_images_stay_beside_another_data_set_if_asked_for():
    both = selection.add_dataset(source(2), made_up.source((5, 6)))
    got = selection.select(both, Config(unlabeled_classes="all"))
    assert got.pool.sum() == 150 + 11 + 2 or got.pool.sum() == 150 + 11
    some = selection.select(both, Config(unlabeled_classes="0"))
    assert some.pool.sum() == 30 + 11


def test_pictures_of_a_folder_are_of_unknown_class(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for row, name in enumerate(("a.png", "deep/b.png", "deep/er/c.jpg")):
        picture = np.full((9, 9, 3), 40 * row, np.uint8)
        Image.fromarray(picture).save(tmp_path / name)
    config = Config(unlabeled_dir=str(tmp_path), cache_dir=str(tmp_path / "cache"))
    got = selection.select(
        selection.add_folder(source(), config),
        config,
    )
    split = make_split(got, labels=5, validation=0, seed=0)
    np.testing.assert_array_equal(split.unlabeled, [150, 151, 152])
    np.testing.assert_array_equal(got.train.labels[150:], UNKNOWN)
    assert got.train.images[150:, 0, 0, 0].tolist() == [0, 40, 80]
    files = [str(tmp_path / name) for name in ("a.png", "deep/b.png", "deep/er/c.jpg")]
    assert got.names == [*map(str, range(150)), *files]


def test_another_folder_is_read_at_the_size_of_the_data(tmp_path, monkeypatch):
    """Enlarged from the 32x32 of folders, it would be recognised by its blur."""
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    for name in ("train/x", "train/y"):
        (tmp_path / name).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / name / "1.png")
    own = Images(np.stack([pixels] * 4), np.arange(4, dtype=np.int32) % 2)
    made = source(class_names=NAMES[:2], train=own, test=None)
    whole = datasets.whole
    monkeypatch.setattr(
        datasets, "whole", lambda c: made if c.dataset == "stl10" else whole(c)
    )
    config = Config(
        "stl10",
        unlabeled_dataset="folder",
        unlabeled_dir=str(tmp_path),
        cache_dir=str(tmp_path / "cache"),
    )
    images = datasets.load(config).train.images[:]
    np.testing.assert_array_equal(images[4], pixels)


def test_what_is_left_out_of_another_data_set_is_said():
    other = made_up.source((5, 6), notes=("skipped: 1",), skipped=("x.png: empty",))
    both = selection.add_dataset(source(2), other)
    assert (both.notes, both.skipped) == (("skipped: 1",), ("x.png: empty",))
    (_, note) = selection.select(both, Config(unlabeled_dataset="svhn")).notes
    assert note.startswith("left out: 2 images of unknown") and "_dataset" in note
    alone = selection.add_dataset(source(), other)
    assert selection.select(alone, Config()).notes == ("skipped: 1",)


@pytest.mark.parametrize("given", ["", "test", "train/cat", "link"])
def test_unlabelled_images_are_none_of_test_or_of_labelled_ones(given, tmp_path):
    for name in ("train/cat", "train/dog", "test/cat", "unlabeled"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(tmp_path / name / "1.png")
    (tmp_path / "link").symlink_to(tmp_path / "test")
    place = str(tmp_path / given)
    config = Config("folder", data_dir=str(tmp_path), unlabeled_dir=place)
    with pytest.raises(UsageError, match=r"has images of t(est|rain)/ in --data_dir"):
        datasets.find(config)
    whole = dataclasses.replace(config, unlabeled_dataset="folder")
    with pytest.raises(UsageError, match=r"has images of t(est|rain)/ in --data_dir"):
        datasets.find(whole)
    apart = dataclasses.replace(config, unlabeled_dir=str(tmp_path / "unlabeled"))
    assert len(selection.find_folder(apart)) == 1


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="no PNG, JPEG or BMP"):
        selection.add_folder(source(), Config(unlabeled_dir=str(tmp_path / "nowhere")))


def test_all_of_it_through_the_settings():
    """Digits 0 to 4 told apart; unlabelled images are those of 3 to 6."""
    got = datasets.load(
        Config(
            dataset="digits", labeled_classes="0,1,2,3,4", unlabeled_classes="3,4,5,6"
        )
    )
    whole = datasets.load(Config(dataset="digits"))
    assert got.num_classes == 5
    assert got.pool.sum() == np.isin(whole.train.labels, [3, 4, 5, 6]).sum()
    assert len(got.test) == np.isin(whole.test.labels, range(5)).sum()


def test_the_source_refuses_labels_below_its_outside_names():
    labels = np.array([0, 1, -3], np.int32)
    pictures = made_up.images([0, 0, 0]).images
    with pytest.raises(UserError, match="has the label -3; expected -1 to 1"):
        made_up.source((2, 2), train=Images(pictures, labels))
