"""A program: ten steps of a method of each task on four devices and on one.

It prints the largest difference of a weight, average or statistic for each.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.models.layers.replica_statistics import (
    statistics_of_replicas,
    synchronize,
)
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.classification import batches as classification
from tests.algorithms.segmentation import batches as segmentation

DEVICES, STEPS, ROWS = 4, 10, 2


def mixmatch():
    return classification.build("mixmatch", learning_rate=0.01)


def mean_teacher():
    """Network and teacher have batch normalization."""
    images = x = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Conv2D(segmentation.CLASSES, 1, name="classes")(x)
    kind = algorithms.method("segmentation", "mean_teacher")
    config = kind.config_class(learning_rate=0.01, ema_decay=0.9)
    facts = RunFacts(segmentation.CLASSES, 8, STEPS)
    method = kind(keras.Model(images, x), config, facts)
    synchronize(method)
    method.compile()
    return method


def merged_pixels(first, second):
    names = {*first} - {"step"}
    both = {name: tf.concat([first[name], second[name]], 0) for name in names}
    return {"step": first["step"], **both}


def distributed(strategy, parts):
    """Values of which each replica sees those of its part."""

    def own(name):
        return lambda context: parts[context.replica_id_in_sync_group][name]

    make = strategy.experimental_distribute_values_from_function
    return {name: make(own(name)) for name in parts[0]}


def difference(build, make, merge):
    """Of what both have after the steps."""
    strategy, alone = mirrored_strategy(), build()
    with strategy.scope(), statistics_of_replicas():
        together = build()
    pairs = [(alone.network, together.network)]
    if alone.teacher is not None:
        pairs.append((alone.teacher, together.teacher))
    for one, other in pairs:
        other.set_weights(one.get_weights())
    together.average.restart()
    alone.average.restart()
    on_one = tf.function(alone.train_step, autograph=False)
    on_all = tf.function(
        lambda batch: strategy.run(together.train_step, args=(batch,)), autograph=False
    )
    recipe = alone.recipe(alone.config)
    before = alone.network.get_weights()
    for step in range(STEPS):
        seeds = range(DEVICES * step, DEVICES * (step + 1))
        parts = [make(recipe, ROWS, step=step, seed=seed) for seed in seeds]
        on_one(merge(merge(*parts[:2]), merge(*parts[2:])))
        on_all(distributed(strategy, parts))
    moved = [np.abs(a - b).max() for a, b in zip(before, alone.network.get_weights())]
    assert max(moved) > 1e-3
    ends = [
        [np.asarray(w) for w in (*m.network.weights, *m.average.averages)]
        for m in (alone, together)
    ]
    return max(np.abs(one - other).max() for one, other in zip(*ends))


if __name__ == "__main__":
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * DEVICES,
    )
    print("mixmatch", difference(mixmatch, classification.make, classification.merge))
    print("mean_teacher", difference(mean_teacher, segmentation.make, merged_pixels))
