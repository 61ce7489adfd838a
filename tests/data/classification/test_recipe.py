"""A batch holds what its recipe says, and nothing else."""

import dataclasses

import pytest
import tensorflow as tf

from mixdmt_tf.data.classification.recipe import Recipe
from tests.data.classification import guesses, streams

PICTURE = [4, 4, 1]
ALWAYS = {
    "step": (tf.int64, []),
    "x": (tf.float32, [8] + PICTURE),
    "y": (tf.int32, [8]),
}


def unlabeled(views):
    return {"u": (tf.float32, [8, views] + PICTURE), "u_truth": (tf.int32, [8])}


GUESSES = {
    "u_label": (tf.int32, [8]),
    "u_confidence": (tf.float32, [8]),
    "u_weight": (tf.float32, [8]),
    "x_weight": (tf.float32, [8]),
}


def mixup(blocks):
    return {"lam": (tf.float32, [8 * blocks]), "partner": (tf.int32, [8 * blocks])}


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (Recipe(), ALWAYS),
        (Recipe(unlabeled_views=1), {**ALWAYS, **unlabeled(1)}),
        (Recipe(mixup_groups=(1,)), {**ALWAYS, **mixup(1)}),
        (streams.JOINT, {**ALWAYS, **unlabeled(2), **mixup(3)}),
        (Recipe(3, mixup_groups=(1, 1, 2)), {**ALWAYS, **unlabeled(3), **mixup(4)}),
        (Recipe(1, pseudo=True), {**ALWAYS, **unlabeled(1), **GUESSES}),
        (
            Recipe(1, pseudo=True, mixup_groups=(2,), mixup_shared=True),
            {**ALWAYS, **unlabeled(1), **GUESSES, **mixup(2)},
        ),
        (
            Recipe(1, augment="randaugment_dmt", border="grey"),
            {**ALWAYS, **unlabeled(1)},
        ),
        (
            Recipe(1, indices=True),
            {
                **ALWAYS,
                **unlabeled(1),
                "x_index": (tf.int64, [8]),
                "u_index": (tf.int64, [8]),
            },
        ),
    ],
    ids=[
        "labels only",
        "one view",
        "mixup of labels",
        "joint mixup",
        "three groups",
        "pseudo labels",
        "one lam",
        "strong augmentation",
        "places",
    ],
)
def test_a_batch_holds_what_the_recipe_says(recipe, expected):
    """With all sizes known while tracing."""
    pipeline = guesses.guessing(streams.pipeline(recipe))

    spec = pipeline.dataset(0, 2).element_spec
    batch = pipeline.at(0)

    assert set(spec) == set(batch) == set(expected)
    for name, (dtype, shape) in expected.items():
        assert spec[name] == tf.TensorSpec(shape, dtype), name
        assert (batch[name].dtype, batch[name].shape) == (dtype, shape), name


def test_a_recipe_asks_for_nothing_by_default():
    """And is a value: it can't be changed while a run goes on."""
    assert Recipe() == Recipe(unlabeled_views=0, mixup_groups=())
    assert Recipe() == Recipe(pseudo=False, mixup_shared=False, augment="none")
    assert Recipe().fill is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().unlabeled_views = 2
