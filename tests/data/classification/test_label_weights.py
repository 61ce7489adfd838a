"""Weights of labels: from a CSV file to the batches."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data.classification import datasets, label_weights, selection, splits
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.errors import UsageError, UserError
from tests.data.classification import guesses, made_up, streams

FILES = ("train/a/1.png", "train/a/2.png", "train/b/3.png", "test/a/4.png")


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path)
    return tmp_path / "data"


def config(folder, rows):
    table = folder.parent / "w.csv"
    table.write_text("file,weight\n" + "".join(f"{row}\n" for row in rows))
    return Config(dataset="folder", data_dir=str(folder), weights_csv=str(table))


def test_images_that_are_not_named_weigh_1(folder):
    """Rows are those of the training images, in whatever order the file has them."""
    rows = ["./train/b/3.png,0", "train/a/2.png,2.5"]
    source = datasets.load(config(folder, rows))
    assert source.train.weights.dtype == np.float32
    assert source.train.weights.tolist() == [1, 2.5, 0]
    assert source.test.weights is None
    assert source.notes == (
        "weights of labels: 0 to 2.5, other than 1 of 2 of 3 training images",
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["train/a/1.png,-1"], "line 2: weight -1; expected a number from 0 to 1,0"),
        (["train/a/1.png,1", "train/a/2.png,nan"], "line 3: weight nan; expected"),
        (["train/a/1.png,inf"], "line 2: weight inf; expected"),
        (["train/a/1.png,"], "line 2: weight nothing; expected"),
        (["train/a/1.png,heavy"], "line 2: weight heavy; expected"),
        ([f"{'a' * 300},1"], "line 2: there is no file aaa"),
        (["train/a/9.png,1"], "line 2: there is no file train/a/9.png in .*data"),
        (
            ["train/a/1.png,1", "train/a/2.png,1", "train/./a/1.png,1"],
            "line 4: train/a/1.png has a weight already, on line 2",
        ),
    ],
)
def test_wrong_rows_are_named_before_an_image_is_read(folder, rows, message):
    with pytest.raises(UserError, match=message):
        datasets.find(config(folder, rows))


def test_weights_are_of_training_images_and_not_all_0(folder):
    with pytest.raises(UserError, match="line 2: test/a/4.png is no training image"):
        datasets.load(config(folder, ["test/a/4.png,1"]))
    with pytest.raises(UserError, match="all 3 training images weigh 0"):
        datasets.load(config(folder, [f"{name},0" for name in FILES[:3]]))


def test_other_data_sets_have_no_files_to_name():
    with pytest.raises(UsageError, match="digits has none"):
        Config(dataset="digits", weights_csv="w.csv")


def weighted(weights=None, **fields):
    """`made_up.source`, whose n-th training image weighs n unless said otherwise."""
    source = made_up.source(**fields)
    if weights is None:
        weights = np.arange(len(source.train), dtype=np.float32)
    train = dataclasses.replace(source.train, weights=weights)
    return dataclasses.replace(source, train=train)


def test_weights_belong_to_the_fingerprint_where_there_are_some():
    plain = made_up.source()
    ones = weighted(np.ones(len(plain.train), np.float32))
    prints = {plain.fingerprint(), ones.fingerprint(), weighted().fingerprint()}
    assert len(prints) == 3
    assert made_up.source().fingerprint() in prints


@pytest.mark.parametrize(
    "weights",
    [np.ones(2), np.ones(3, np.float32), np.float32([-1, 1]), np.float32([1, np.inf])],
)
def test_other_weights_are_refused(weights):
    images = made_up.images([0, 1])
    with pytest.raises(ValueError, match="weights: expected"):
        Images(images.images, images.labels, weights)


def test_weights_stay_with_their_images_and_are_read_only():
    train = weighted().train
    assert train.take(np.array([5, 3])).weights.tolist() == [5, 3]
    with pytest.raises(ValueError, match="read-only"):
        train.weights[0] = 1


def test_weights_outlast_a_choice_of_classes_and_more_images():
    source = weighted()
    chosen = selection.select(source, Config(labeled_classes="2,0"))
    np.testing.assert_array_equal(chosen.train.weights, source.train.weights)
    added = selection.add_dataset(source, made_up.source(counts=(3, 4)))
    weights = added.train.weights
    np.testing.assert_array_equal(weights[:-7], source.train.weights)
    np.testing.assert_array_equal(weights[-7:], np.ones(7))


def pipeline(source, recipe):
    split = splits.make_split(source, 30, 0, seed=1)
    return Pipeline(source, split, recipe, seed=1, batch=16)


def test_a_batch_has_the_weights_of_its_images():
    """In multiples of the mean weight of the labelled images."""
    made = pipeline(weighted(), Recipe(indices=True))
    ids = made.split.labeled
    for step in (0, 5):
        batch = made.at(step)
        expected = ids[batch["x_index"]] / ids.mean()
        np.testing.assert_allclose(batch["x_weight"], expected, rtol=1e-6)
    halves = [made.at(3, replica, 2)["x_weight"] for replica in (0, 1)]
    np.testing.assert_array_equal(np.concatenate(halves), made.at(3)["x_weight"])


def test_equal_weights_are_exactly_1_and_no_weights_are_not_there():
    """A batch is the same but for them."""
    sevenths = np.full(90, 1 / 7, np.float32)
    plain = pipeline(made_up.source(), Recipe()).at(2)
    batch = pipeline(weighted(sevenths), Recipe()).at(2)
    assert "x_weight" not in plain
    np.testing.assert_array_equal(batch.pop("x_weight"), np.ones(16, np.float32))
    assert set(batch) == set(plain)
    np.testing.assert_array_equal(batch["x"], plain["x"])


def test_labelled_images_that_all_weigh_nothing_are_refused():
    source = weighted()
    split = splits.make_split(source, 30, 0, seed=1)
    weights = np.ones(90, np.float32)
    weights[split.labeled] = 0
    with pytest.raises(UserError, match="all 30 labelled images weigh 0"):
        pipeline(weighted(weights), Recipe()).at(0)


def test_weights_of_images_multiply_those_of_classes():
    """Of pseudo labels from a graph."""
    recipe = Recipe(unlabeled_views=1, unlabeled_ratio=2, pseudo=True, indices=True)
    made = guesses.guessing(streams.pipeline(recipe, augment="none"), 7)
    weights = np.arange(len(made.source.train), dtype=np.float32)
    train = dataclasses.replace(made.source.train, weights=weights)
    source = dataclasses.replace(made.source, train=train)
    of_class = np.linspace(0.5, 2, source.num_classes).astype(np.float32)
    pseudo = dataclasses.replace(made.pseudo, class_weights=of_class)
    batch = dataclasses.replace(made, source=source, pseudo=pseudo).at(1)
    ids = made.split.labeled
    own = ids[batch["x_index"]] / ids.mean()
    expected = own * of_class[batch["y"]]
    np.testing.assert_allclose(batch["x_weight"], expected, rtol=1e-5)


def test_a_table_is_described_by_its_range():
    text = label_weights.describe(np.float32([1, 1, 0.25]))
    assert text == (
        "weights of labels: 0.25 to 1, other than 1 of 1 of 3 training images"
    )
