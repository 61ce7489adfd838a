"""Draws for MixUp of several devices, and of one that draws as several."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.classification.mixup_draws import mixup_draws
from mixdmt_tf.data.classification.recipe import Recipe
from tests.algorithms.classification import batches
from tests.data.classification import made_up, streams

RECIPES = {
    "joint": Recipe(2, mixup_groups=(3,)),
    "separate": Recipe(2, mixup_groups=(1, 2)),
    "shared, more unlabelled": Recipe(
        1, unlabeled_ratio=3, mixup_groups=(4,), mixup_shared=True
    ),
    "views of more unlabelled": Recipe(2, unlabeled_ratio=2, mixup_groups=(1, 4)),
    "labels alone": Recipe(mixup_groups=(1,)),
}
ROWS = 4


def drawn(recipe, replica, parts, rows=ROWS):
    return mixup_draws(recipe, 3, tf.constant(7, tf.int64), replica, rows, parts)


def rows_of(recipe):
    """Rows of one part that tell themselves apart from those of another."""
    n = ROWS * recipe.unlabeled_ratio
    rows = {"step": tf.constant(7), "x": tf.zeros([ROWS])}
    return {**rows, "u": tf.zeros([n])} if recipe.unlabeled_views else rows


@pytest.mark.parametrize("name", RECIPES)
def test_one_device_draws_what_two_draw(name):
    recipe = RECIPES[name]
    first, second = (
        {**rows_of(recipe), **drawn(recipe, tf.constant(replica, tf.int64), 1)}
        for replica in (0, 1)
    )
    expected = batches.merge(first, second)
    got = drawn(recipe, tf.constant(0, tf.int64), 2)
    np.testing.assert_array_equal(got["partner"], expected["partner"])
    np.testing.assert_array_equal(got["lam"], expected["lam"])
    assert sorted(got["partner"].numpy()) == list(range(len(got["partner"])))


def test_two_devices_draw_what_four_draw():
    recipe = RECIPES["joint"]
    quarters = [drawn(recipe, tf.constant(r, tf.int64), 1) for r in range(4)]
    half = drawn(recipe, tf.constant(1, tf.int64), 2)
    expected = batches.merge(*({**rows_of(recipe), **each} for each in quarters[2:]))
    np.testing.assert_array_equal(half["partner"], expected["partner"])
    np.testing.assert_array_equal(half["lam"], expected["lam"])


def test_parts_that_cannot_be_shared_are_refused():
    pipeline = streams.pipeline(streams.JOINT, batch=6)
    for parts, replicas in ((3, 2), (4, 1)):
        pipelines = dataclasses.replace(pipeline, mixup_parts=parts)
        with pytest.raises(ValueError, match=f"{parts} parts of a batch of 6"):
            pipelines.at(0, 0, replicas)


def test_a_machine_has_the_rows_of_its_devices():
    source = made_up.source(crop_padding=1, flip=True)
    pipeline = streams.pipeline(streams.JOINT, source, batch=8)
    found = list(pipeline.dataset(5, 7, 4, range(2, 4)).as_numpy_iterator())
    wanted = [(step, replica) for step in (5, 6) for replica in (2, 3)]
    assert len(found) == len(wanted)
    for batch, (step, replica) in zip(found, wanted):
        expected = pipeline.at(step, replica, 4)
        for name, value in expected.items():
            np.testing.assert_array_equal(batch[name], value, err_msg=name)
