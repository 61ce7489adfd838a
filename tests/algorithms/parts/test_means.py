"""Means of what training steps report are read in one piece."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts import means
from mixdmt_tf.runs.runtime import mirrored_strategy


def three():
    return {name: keras.metrics.Mean() for name in ("loss", "weight", "unused")}


def test_a_reading_begins_them_anew():
    found = three()
    read = means.reader(found)
    found["loss"].update_state([1.0, 2.0])
    found["weight"].update_state([4.0, 0.0], sample_weight=[1.0, 0.0])
    assert read() == {"loss": 1.5, "weight": 4.0}
    assert read() == {}
    found["loss"].update_state(7.0)
    assert read() == {"loss": 7.0}


def test_runs_of_a_process_share_a_graph():
    means.reader(three())()
    before = means._taken.experimental_get_tracing_count()
    found = three()
    found["loss"].update_state(3.0)
    assert means.reader(found)() == {"loss": 3.0}
    assert means._taken.experimental_get_tracing_count() == before


def test_replicas_have_one_mean():
    strategy = mirrored_strategy()
    with strategy.scope():
        found = three()

    def step():
        here = tf.distribute.get_replica_context().replica_id_in_sync_group
        found["loss"].update_state(tf.cast(here, tf.float32))

    read = means.reader(found)
    for _ in range(2):
        strategy.run(tf.function(step))
        assert read() == {"loss": pytest.approx(0.5)}
